import type { MemoryBackend, NodeSet, Registration, Registry, ServiceNode } from "@rollcall/core";

import type { RuleId } from "../../src/rule-id.ts";

/** A memory registry that breaks one rule. */
export interface BrokenRegistry {
  readonly rule: RuleId;
  /** What is wrong with it. */
  readonly fault: string;
  /** What the suite says to that. */
  readonly verdict: RegExp;
  readonly wrap: (registry: Registry, backend: MemoryBackend) => Registry;
}

/** A registration that does what `registration` does, except for what is given. */
export function delegateRegistration(
  registration: Registration,
  parts: Partial<Registration>,
): Registration {
  return {
    get node() {
      return registration.node;
    },
    get state() {
      return registration.state;
    },
    update: (patch, options) => registration.update(patch, options),
    deregister: (options) => registration.deregister(options),
    [Symbol.asyncIterator]: () => registration[Symbol.asyncIterator](),
    [Symbol.asyncDispose]: () => registration[Symbol.asyncDispose](),
    ...parts,
  };
}

/** Every set of a watch, each with its nodes changed. */
export async function* mapSets(
  sets: AsyncIterable<NodeSet>,
  change: (node: ServiceNode) => ServiceNode,
): AsyncGenerator<NodeSet, void, void> {
  for await (const set of sets) yield { ...set, nodes: set.nodes.map(change) };
}

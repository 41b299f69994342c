import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";

import {
  createDiscovery,
  type Discovery,
  type DiscoveryOptions,
  type NodeInput,
  type NodeSet,
  type RegisterOptions,
  type Registration,
  type Registry,
  type ServiceNode,
  type ServiceView,
  type Snapshot,
} from "@rollcall/core";

import type { Bed, ConnectOptions, Subject, Timing } from "./subject.ts";
import { until, within } from "./waiting.ts";

/** How long a disposal may take before the test fails for it, in ms. */
const disposeDeadlineMs = 20_000;

/** A lease for what is not about leases: one that a busy machine does not let run out. */
export const steady: RegisterOptions = { ttlMs: 30_000 };

/** What one test works with; everything made through it is disposed when the test ends. */
export class TestContext implements AsyncDisposable {
  readonly subject: Subject;
  readonly bed: Bed;
  readonly timing: Timing;
  /** A service name nobody else uses. */
  readonly service: string = `conf${randomBytes(5).toString("hex")}`;
  readonly #disposals: (() => void | PromiseLike<void>)[] = [];
  #ports = 20_000;

  constructor(subject: Subject, bed: Bed) {
    this.subject = subject;
    this.bed = bed;
    this.timing = subject.timing;
  }

  /** A registry of the subject, connected through the faults. */
  connect(options?: ConnectOptions): Registry {
    const registry = this.bed.connect(options);
    this.#disposals.push(() => registry[Symbol.asyncDispose]());
    return registry;
  }

  /** The consumer side with short waits and, unless asked for, without protection. */
  discovery(registry: Registry = this.connect(), options: DiscoveryOptions = {}): Discovery {
    const discovery = createDiscovery(registry, {
      protection: "off",
      backoff: { baseMs: 20, capMs: 200 },
      ...options,
    });
    this.#disposals.push(() => discovery[Symbol.asyncDispose]());
    return discovery;
  }

  /** A view of the test's service that has its first answer. */
  async view(registry?: Registry, options?: DiscoveryOptions): Promise<ServiceView> {
    const view = this.discovery(registry, options).service(this.service);
    await within("the first snapshot", this.timing.propagationMs, view.ready());
    return view;
  }

  /** Records every snapshot a view shows from now on. */
  record(view: ServiceView): readonly Snapshot[] {
    const seen: Snapshot[] = [];
    const recording = (async () => {
      for await (const snapshot of view) seen.push(snapshot);
    })();
    this.#disposals.push(() => {
      view[Symbol.dispose]();
      return recording;
    });
    return seen;
  }

  /** Input for a node of the test's service; ids are `node-1`, `node-2`… when made by number. */
  node(
    id: string,
    fields: Partial<NodeInput> = {},
  ): NodeInput & { readonly id: string; readonly host: string } {
    this.#ports += 1;
    return { service: this.service, id, host: "127.0.0.1", port: this.#ports, ...fields };
  }

  /** Registers, with the subject's shortest lease unless another is given. */
  async register(
    registry: Registry,
    node: NodeInput,
    options: RegisterOptions = {},
  ): Promise<Registration> {
    const { ttlMs, expiryMs, propagationMs } = this.timing;
    const registering = registry.register(node, { ttlMs, ...options });
    return within("the registration", expiryMs + propagationMs, registering);
  }

  /** Stores other people's records, one node each. */
  async put(...nodes: readonly (NodeInput & { readonly id: string })[]): Promise<void> {
    for (const node of nodes) await this.bed.raw.put(node);
  }

  async isStored(id: string, service: string = this.service): Promise<boolean> {
    return (await this.bed.raw.stored(service, id)) !== undefined;
  }

  /** Waits until a change in the backend has reached a consumer. */
  async seen<T>(what: string, condition: () => T | Promise<T>): Promise<NonNullable<T>> {
    return until(what, this.timing.propagationMs, condition);
  }

  /** Waits until exactly these ids are routable. */
  async shows(view: ServiceView, ids: readonly string[]): Promise<void> {
    const wanted = [...ids].sort().join(", ");
    await this.seen(`the view to show [${wanted}]`, () => {
      const shown = idsOf(view.nodes).join(", ");
      assert.equal(shown, wanted);
      return true;
    });
  }

  /** The first set of one watch attempt, which is then ended. */
  async firstSet(registry: Registry, service: string = this.service): Promise<NodeSet> {
    const stop = new AbortController();
    const iterator = registry.watch({ service }, stop.signal)[Symbol.asyncIterator]();
    try {
      const first = await within("the first set", this.timing.propagationMs, iterator.next());
      assert.notEqual(first.done, true, "the watch ended without a set");
      return first.value as NodeSet;
    } finally {
      stop.abort(new Error("the test has seen enough"));
      void iterator.return?.().catch(() => undefined);
    }
  }

  /** One answer of the backend by way of the adapter. */
  async read(registry: Registry, service: string = this.service): Promise<readonly ServiceNode[]> {
    const { noticeMs } = this.timing;
    const { nodes } = await registry.read({ service }, AbortSignal.timeout(noticeMs));
    return nodes;
  }

  /** Runs `disposal` when the test ends, before what was made earlier is disposed. */
  atEnd(disposal: () => void | PromiseLike<void>): void {
    this.#disposals.push(disposal);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.bed.faults.restore();
    try {
      for (const dispose of this.#disposals.toReversed()) {
        await within("a disposal", disposeDeadlineMs, Promise.resolve(dispose()));
      }
    } finally {
      await this.bed[Symbol.asyncDispose]();
    }
  }
}

/** Ids in the order of `snapshot.all`. */
export function idsOf(nodes: readonly ServiceNode[]): string[] {
  return nodes.map((node) => node.id).sort();
}

/** The node with this id, or a failure. */
export function nodeOf(nodes: readonly ServiceNode[], id: string): ServiceNode {
  const found = nodes.find((node) => node.id === id);
  assert.ok(found !== undefined, `no node ${id} among [${idsOf(nodes).join(", ")}]`);
  return found;
}

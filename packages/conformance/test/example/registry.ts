import { randomUUID } from "node:crypto";
import { isDeepStrictEqual } from "node:util";

import {
  defineNode,
  DiscoveryError,
  type NodeInput,
  type NodeSet,
  type RegisterOptions,
  type Registration,
  type Registry,
  type RegistryTraits,
  type RejectedRecord,
  type Scope,
  type ServiceNode,
  type ServiceQuery,
  type WithSignal,
} from "@rollcall/core";
import { checkScope, keepRegistered, pollWatch, RegistryLifetime } from "@rollcall/core/adapter";

import { type Answer, ExampleClient } from "./client.ts";

/** What {@link exampleRegistry} needs. */
export interface ExampleOptions {
  readonly port: number;
  readonly token: string;
}

interface StoredNode {
  readonly owner: string;
  /** When the owner entered, Unix ms: the younger of two owners has the greater. */
  readonly enteredAt: number;
  readonly node: ServiceNode;
}

export const exampleTraits: RegistryTraits = {
  delivery: "poll",
  returnMs: 2_000,
  propagationMs: 0,
  scope: [],
  keeps: [
    "service",
    "id",
    "host",
    "port",
    "secure",
    "hostname",
    "weight",
    "priority",
    "status",
    "zone",
    "metadata",
  ],
  cannot: {},
};

/** An adapter for the example server, complete: what an adapter package must do and nothing more. */
export function exampleRegistry(options: ExampleOptions): Registry {
  return new ExampleRegistry(options);
}

class ExampleRegistry implements Registry {
  readonly type = "example";
  readonly name = "example";
  readonly identity: string;
  readonly traits = exampleTraits;
  readonly #client: ExampleClient;
  readonly #life = new RegistryLifetime(this.name);

  constructor({ port, token }: ExampleOptions) {
    this.identity = `example:127.0.0.1:${port}`;
    this.#client = new ExampleClient({ registry: this.name, port, token });
  }

  async read({ service }: ServiceQuery, signal: AbortSignal): Promise<NodeSet> {
    return this.#decode(service, (await this.#get([service], `read ${service}`, signal)).value);
  }

  async *watch({ service }: ServiceQuery, signal: AbortSignal): AsyncGenerator<NodeSet> {
    let known: string | undefined;
    const poll = async (own: AbortSignal): Promise<NodeSet> => {
      const { value, epoch } = await this.#get([service], `watch ${service}`, own);
      if (epoch !== (known ?? epoch)) {
        // An empty answer now would be true and misleading: the registrants are on their way back.
        throw new DiscoveryError({
          code: "UNAVAILABLE",
          registry: this.name,
          operation: `watch ${service}`,
          reason: "the server has lost its data",
        });
      }
      known = epoch;
      return this.#decode(service, value);
    };
    yield* pollWatch(poll, { intervalMs: 50, signal: this.#life.linked(signal) });
  }

  register(input: NodeInput, options: RegisterOptions = {}): Promise<Registration> {
    const node = defineNode(input);
    checkScope(options.scope, this);
    return this.#register(node, options.ttlMs ?? 30_000, options.signal);
  }

  async services(
    options: WithSignal & { readonly scope?: Scope | undefined } = {},
  ): Promise<readonly string[]> {
    checkScope(options.scope, this);
    const { value } = await this.#get([], "list services", options.signal);
    return (value as string[]).sort();
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#life.end(() => this.#client.close());
  }

  #register(node: ServiceNode, ttlMs: number, signal?: AbortSignal): Promise<Registration> {
    const owner = randomUUID();
    const path = [node.service, node.id];
    const operation = `register ${node.service}/${node.id}`;
    const { name: registry } = this;
    let enteredAt = 0;
    const stored = async (own: AbortSignal): Promise<StoredNode | undefined> => {
      const { value } = await this.#client.call({ method: "GET", path, operation, signal: own });
      return (value as { value?: StoredNode } | undefined)?.value;
    };
    const write = async (next: ServiceNode, own: AbortSignal): Promise<void> => {
      const body: StoredNode = { owner, enteredAt, node: next };
      await this.#client.call({ method: "PUT", path, ttlMs, body, operation, signal: own });
    };
    return this.#life.enter((onClosed) =>
      keepRegistered({
        registry,
        node,
        ttlMs,
        signal: this.#life.linked(signal),
        async put(next, own) {
          const found = await stored(own);
          enteredAt = Math.max(Date.now(), (found?.enteredAt ?? 0) + 1);
          await write(next, own);
        },
        change: (next, _, own) => write(next, own),
        async renew(held, own) {
          const found = await stored(own);
          if (typeof found === "object" && found.owner !== owner && found.enteredAt > enteredAt) {
            const reason = `another live owner holds ${node.id}`;
            throw new DiscoveryError({ code: "CONFLICT", registry, operation, reason });
          }
          if (!isDeepStrictEqual(found, plain({ owner, enteredAt, node: held }))) return "gone";
          await write(held, own);
          return "held";
        },
        remove: async (_, own) => {
          if ((await stored(own))?.owner !== owner) return;
          await this.#client.call({ method: "DELETE", path, operation, signal: own });
        },
        onClosed,
      }),
    );
  }

  #decode(service: string, answer: unknown): NodeSet {
    const nodes: ServiceNode[] = [];
    const rejected: RejectedRecord[] = [];
    const entries = Object.entries(answer ?? {}) as [string, Record<string, unknown>][];
    for (const [id, { value, override }] of entries) {
      try {
        const { node } = value as StoredNode;
        nodes.push(defineNode({ ...node, ...(override as object), service, id }));
      } catch (cause) {
        const reason = cause instanceof DiscoveryError ? cause.reason : "not a node";
        const where = { registry: this.name, operation: `decode ${service}/${id}` };
        rejected.push({
          key: id,
          error: new DiscoveryError({ code: "RECORD", ...where, reason, cause }),
        });
      }
    }
    return { nodes, rejected };
  }

  async #get(path: readonly string[], operation: string, signal?: AbortSignal): Promise<Answer> {
    return this.#client.call({ method: "GET", path, operation, signal: this.#life.linked(signal) });
  }
}

/** As JSON gives it back. */
function plain(value: unknown): unknown {
  return JSON.parse(JSON.stringify(value));
}

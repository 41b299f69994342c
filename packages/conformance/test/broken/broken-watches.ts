import { defineNode, DiscoveryError, type NodeSet, type ServiceNode } from "@rollcall/core";

import { delegate } from "../../src/delegate.ts";
import { type BrokenRegistry, mapSets } from "./broken-registry.ts";

/** Registries that tell consumers something wrong. */
export const brokenWatches: readonly BrokenRegistry[] = [
  {
    rule: "R1",
    fault: "keeps the first set to itself until something changes",
    verdict: /in vain for the first set/,
    wrap: (registry) =>
      delegate(registry, {
        async *watch(query, signal) {
          let first = true;
          for await (const set of registry.watch(query, signal)) {
            if (!first) yield set;
            first = false;
          }
        },
      }),
  },
  {
    rule: "R2",
    fault: "shows an outage as an empty set",
    verdict: /in vain for a stale snapshot/,
    wrap: (registry) =>
      delegate(registry, {
        async *watch(query, signal) {
          while (!signal.aborted) {
            try {
              for await (const set of registry.watch(query, signal)) yield set;
            } catch {
              yield { nodes: [] };
              await pause();
            }
          }
        },
      }),
  },
  {
    rule: "R3",
    fault: "cannot be asked whether a loss is true",
    verdict: /in vain for the view to show \[\]/,
    wrap: (registry) =>
      delegate(registry, {
        async read({ service }) {
          throw new DiscoveryError({
            code: "UNAVAILABLE",
            registry: registry.name,
            operation: `read ${service}`,
            reason: "broken on purpose",
          });
        },
      }),
  },
  {
    rule: "R8",
    fault: "lets one bad record spoil the set",
    verdict: /in vain for the report/,
    wrap: (registry) =>
      delegate(registry, {
        async *watch(query, signal) {
          for await (const set of registry.watch(query, signal)) {
            for (const { error } of set.rejected ?? []) throw error;
            yield set;
          }
        },
      }),
  },
  {
    rule: "R9",
    fault: "takes a name for a prefix",
    verdict: /what a watch of/,
    wrap: (registry) =>
      delegate(registry, {
        async *watch(query, signal) {
          for await (const _ of registry.watch(query, signal)) {
            const nodes: ServiceNode[] = [];
            for (const service of await registry.services()) {
              if (!service.startsWith(query.service)) continue;
              nodes.push(...(await registry.read({ service }, signal)).nodes);
            }
            yield { nodes };
          }
        },
      }),
  },
  {
    rule: "R10",
    fault: "queues every set for a slow reader",
    verdict: /the newest within three sets/,
    wrap: (registry) =>
      delegate(registry, {
        async *watch(query, signal) {
          const queue: NodeSet[] = [];
          let failed: { readonly error: unknown } | undefined;
          void (async () => {
            for await (const set of registry.watch(query, signal)) queue.push(set);
          })().catch((error: unknown) => (failed = { error }));
          for (;;) {
            const set = queue.shift();
            if (set !== undefined) yield set;
            else if (failed !== undefined) throw failed.error;
            else await pause();
          }
        },
      }),
  },
  {
    rule: "R11",
    fault: "goes on asking after it was disposed",
    verdict: /nothing new starts/,
    wrap: (registry, backend) =>
      delegate(registry, {
        watch(query, signal) {
          let left = 100;
          const timer = setInterval(() => {
            (backend.calls as { read: number }).read += 1;
            left -= 1;
            if (left === 0) clearInterval(timer);
          }, 20);
          timer.unref();
          return registry.watch(query, signal);
        },
      }),
  },
  {
    rule: "R12",
    fault: "does not hear that nobody watches any more",
    verdict: /in vain for the end of the watch/,
    wrap: (registry) =>
      delegate(registry, {
        watch: (query) => registry.watch(query, new AbortController().signal),
      }),
  },
  {
    rule: "R13",
    fault: "waits for ever on a dead connection and does not say so in its traits",
    verdict: /in vain for a stale snapshot/,
    wrap: (registry) => ({
      ...delegate(registry, {}),
      traits: { ...registry.traits, cannot: {} },
    }),
  },
  {
    rule: "R14",
    fault: "goes on from what it remembers after a gap",
    verdict: /in vain for the true difference/,
    wrap(registry) {
      const remembered = new Map<string, NodeSet>();
      return delegate(registry, {
        async *watch(query, signal) {
          for await (const set of registry.watch(query, signal)) {
            const known = remembered.get(query.service);
            remembered.set(query.service, known ?? set);
            yield known ?? set;
          }
        },
      });
    },
  },
  {
    rule: "R15",
    fault: "never looks at an id again",
    verdict: /in vain for the update/,
    wrap(registry) {
      const known = new Map<string, ServiceNode>();
      return delegate(registry, {
        watch: (query, signal) =>
          mapSets(registry.watch(query, signal), (node) => {
            const first = known.get(node.id) ?? node;
            known.set(node.id, first);
            return first;
          }),
      });
    },
  },
  {
    rule: "R16",
    fault: "makes each set differ from the one before",
    verdict: /one snapshot for the marker/,
    wrap(registry) {
      let count = 0;
      return delegate(registry, {
        watch: (query, signal) =>
          mapSets(registry.watch(query, signal), (node) => {
            count += 1;
            return defineNode({ ...node, metadata: { ...node.metadata, count: String(count) } });
          }),
      });
    },
  },
  {
    rule: "R18",
    fault: "shows a refusal as an empty set",
    verdict: /Missing expected rejection/,
    wrap: (registry) =>
      delegate(registry, {
        async *watch(query, signal) {
          try {
            for await (const set of registry.watch(query, signal)) yield set;
          } catch (error) {
            if (!(error instanceof DiscoveryError) || error.code !== "AUTH") throw error;
            yield { nodes: [] };
            throw error;
          }
        },
      }),
  },
  {
    rule: "R19",
    fault: "knows whole weights only",
    verdict: /weight of fraction/,
    wrap(registry) {
      const rounded = (node: ServiceNode): ServiceNode =>
        defineNode({ ...node, weight: Math.round(node.weight) });
      return delegate(registry, {
        async read(query, signal) {
          const set = await registry.read(query, signal);
          return { ...set, nodes: set.nodes.map(rounded) };
        },
        watch: (query, signal) => mapSets(registry.watch(query, signal), rounded),
      });
    },
  },
];

function pause(): Promise<void> {
  return new Promise((resolve) => {
    setTimeout(resolve, 5);
  });
}

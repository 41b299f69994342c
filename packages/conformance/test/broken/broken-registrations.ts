import {
  defineNode,
  type MemoryBackend,
  type NodeInput,
  type RegisterOptions,
  type Registration,
  type RegistrationState,
  type ServiceNode,
} from "@rollcall/core";

import { delegate } from "../../src/delegate.ts";
import { type BrokenRegistry, delegateRegistration } from "./broken-registry.ts";

/** Registries that keep a registration badly. */
export const brokenRegistrations: readonly BrokenRegistry[] = [
  {
    rule: "R4",
    fault: "enters a node once and never again",
    verdict: /in vain for (the loss to be told|node-1 to be back)/,
    wrap: (registry, backend) =>
      delegate(registry, {
        register: async (input, options) => careless(backend, defineNode(input), options),
      }),
  },
  {
    rule: "R5",
    fault: "fights a younger owner",
    verdict: /in vain for the elder to learn of it/,
    wrap(registry, backend) {
      return delegate(registry, {
        async register(input, options) {
          const registration = await careless(backend, defineNode(input), options);
          const timer = setInterval(() => store(backend, registration.node, options), 50);
          timer.unref();
          return delegateRegistration(registration, {
            async deregister() {
              clearInterval(timer);
            },
          });
        },
      });
    },
  },
  {
    rule: "R6",
    fault: "has a heartbeat under way that puts the record back",
    verdict: /node-1 is not in the backend/,
    wrap: (registry, backend) =>
      delegate(registry, {
        async register(input, options) {
          const registration = await registry.register(input, options);
          return delegateRegistration(registration, {
            async deregister(how) {
              await registration.deregister(how);
              setTimeout(() => store(backend, registration.node, options), 50);
            },
          });
        },
      }),
  },
  {
    rule: "R7",
    fault: "removes the record on leaving, whoever holds it",
    verdict: /the record is there/,
    wrap(registry, backend) {
      const ours: NodeInput[] = [];
      return {
        ...delegate(registry, {
          register(input, options) {
            ours.push(input);
            return registry.register(input, options);
          },
        }),
        async [Symbol.asyncDispose]() {
          await registry[Symbol.asyncDispose]();
          for (const { service, id = "" } of ours) backend.delete(service, id);
        },
      };
    },
  },
  {
    rule: "R17",
    fault: "calls itself registered whatever happens",
    verdict: /in vain for the loss to be told/,
    wrap: (registry) =>
      delegate(registry, {
        async register(input, options) {
          const registration = await registry.register(input, options);
          const state: RegistrationState = { phase: "registered", generation: 1 };
          return delegateRegistration(registration, {
            get state() {
              return state;
            },
            async *[Symbol.asyncIterator]() {
              yield state;
            },
          });
        },
      }),
  },
  {
    rule: "R20",
    fault: "keeps draining to itself",
    verdict: /the registry's tools show it as not serving/,
    wrap: (registry) =>
      delegate(registry, {
        async register(input, options) {
          const registration = await registry.register(input, options);
          return delegateRegistration(registration, {
            update: async (patch, how) => {
              if (patch.status === undefined) await registration.update(patch, how);
            },
          });
        },
      }),
  },
];

/** A registration that was written once and is believed in ever after. */
async function careless(
  backend: MemoryBackend,
  node: ServiceNode,
  options: RegisterOptions | undefined,
): Promise<Registration> {
  store(backend, node, options);
  const state: RegistrationState = { phase: "registered", generation: 1 };
  return {
    node,
    state,
    update: async () => undefined,
    deregister: async () => undefined,
    async *[Symbol.asyncIterator]() {
      yield state;
    },
    [Symbol.asyncDispose]: async () => undefined,
  };
}

function store(
  backend: MemoryBackend,
  node: ServiceNode,
  { ttlMs = 1_000, scope }: RegisterOptions = {},
): void {
  const expiresAtMs = performance.now() + ttlMs;
  backend.put(node.service, node.id, { node, owner: "careless", expiresAtMs }, scope);
}

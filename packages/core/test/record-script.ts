import { keepRegistered } from "../src/adapter/keep-registered.ts";
import type { KeepRegisteredOptions } from "../src/adapter/record-calls.ts";
import { DiscoveryError, type ErrorCode } from "../src/error.ts";
import type { ServiceNode } from "../src/node.ts";
import type { Registration } from "../src/registry.ts";
import { type ManualClock, manualClock } from "./manual-clock.ts";
import { node } from "./scripted-registry.ts";

type Verb = "put" | "renew" | "change" | "remove";

/**
 * What a wire call does: succeed, find nothing, fail with a code, wait for an abort, or wait for
 * {@link RecordScript.release} without hearing its signal.
 */
export type Behaviour = "ok" | "gone" | ErrorCode | "hang" | "deaf";

/** A backend of one record, whose calls do as the test says. */
export interface RecordScript {
  readonly clock: ManualClock;
  /** Calls so far: `put@0 w100` is a put of weight 100, 0 ms after the start. */
  readonly log: string[];
  readonly verbs: string[];
  /** What the backend holds. */
  readonly stored: ServiceNode | undefined;
  readonly active: number;
  set(verb: Verb, behaviour: Behaviour): void;
  forget(): void;
  /** A put that nobody answered reaches the backend after all. */
  arrive(late: ServiceNode): void;
  release(): void;
  register(options?: Partial<KeepRegisteredOptions>): Promise<Registration>;
}

export const ttlMs = 30_000;

export function refusal(code: ErrorCode): DiscoveryError {
  return new DiscoveryError({ code, registry: "scripted", operation: "call", reason: "as told" });
}

export function recordScript(withChange = true): RecordScript {
  const clock = manualClock();
  const startMs = clock.monotonicMs();
  const log: string[] = [];
  const behaviours = new Map<Verb, Behaviour>();
  let stored: ServiceNode | undefined;
  let active = 0;
  let released = Promise.withResolvers<void>();

  async function call(verb: Verb, what: ServiceNode, signal: AbortSignal): Promise<Behaviour> {
    log.push(`${verb}@${Math.round(clock.monotonicMs() - startMs)} w${what.weight}`);
    const behaviour = behaviours.get(verb) ?? "ok";
    active += 1;
    try {
      if (behaviour === "hang") {
        await new Promise((_, reject) => {
          signal.addEventListener("abort", () => reject(signal.reason), { once: true });
        });
      } else if (behaviour === "deaf") {
        await released.promise;
      } else if (behaviour !== "ok" && behaviour !== "gone") {
        throw refusal(behaviour);
      }
    } finally {
      active -= 1;
    }
    return behaviour;
  }
  const write = (verb: Verb) => async (next: ServiceNode, signal: AbortSignal) => {
    await call(verb, next, signal);
    stored = next;
  };

  return {
    clock,
    log,
    get verbs() {
      return log.map((line) => line.slice(0, line.indexOf("@")));
    },
    get stored() {
      return stored;
    },
    get active() {
      return active;
    },
    set: (verb, behaviour) => void behaviours.set(verb, behaviour),
    forget: () => (stored = undefined),
    arrive: (late) => (stored = late),
    release() {
      released.resolve();
      released = Promise.withResolvers<void>();
    },
    register: (options = {}) =>
      keepRegistered({
        registry: "scripted",
        node: node(1),
        ttlMs,
        clock,
        random: () => 0.5,
        put: write("put"),
        ...(withChange
          ? { change: (next, _previous, signal) => write("change")(next, signal) }
          : {}),
        renew: async (held, signal) => {
          const behaviour = await call("renew", held, signal);
          return behaviour === "gone" || stored === undefined ? "gone" : "held";
        },
        remove: async (held, signal) => {
          await call("remove", held, signal);
          stored = undefined;
        },
        ...options,
      }),
  };
}

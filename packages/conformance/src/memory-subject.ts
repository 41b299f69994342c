import { memoryBackend, type MemoryBackend, memoryRegistry, type Registry } from "@rollcall/core";

import { siblingModule } from "./sibling-module.ts";
import type { Bed, Raw, Subject, Timing } from "./subject.ts";

/** Options of {@link memorySubject}. */
export interface MemorySubjectOptions {
  /** Default `memory`. */
  readonly name?: string | undefined;
  /** Changes each registry before the suite gets it: how the suite's own tests break one rule. */
  readonly wrap?: ((registry: Registry, backend: MemoryBackend) => Registry) | undefined;
  readonly timing?: Partial<Timing> | undefined;
  readonly long?: boolean | undefined;
}

/** The memory registry as a subject: the reference, and an example of a subject without a network. */
export function memorySubject(options: MemorySubjectOptions = {}): Subject {
  const { name = "memory", wrap = (registry) => registry, long } = options;
  const timing: Timing = {
    ttlMs: 1_500,
    expiryMs: 10_000,
    propagationMs: 20_000,
    noticeMs: 5_000,
    ...options.timing,
  };
  const connect = (backend: MemoryBackend): Registry =>
    wrap(memoryRegistry({ backend, ttlMs: timing.ttlMs }), backend);
  return {
    name,
    traits: connect(memoryBackend()).traits,
    timing,
    long,
    lacks: {
      tokens: "nobody logs in to memory",
      link: "the store lives in one process",
    },
    scopes: [{ namespace: "blue" }, { namespace: "green" }],
    child: { module: siblingModule("memory-child"), export: "memoryForChild" },
    open: () => memoryBed(connect),
  };
}

function memoryBed(connect: (backend: MemoryBackend) => Registry): Bed {
  const backend = memoryBackend();
  return {
    connect({ credentials } = {}) {
      if (credentials === "wrong") backend.fail("AUTH");
      return connect(backend);
    },
    faults: {
      refuse: () => backend.fail("UNAVAILABLE"),
      stall: () => backend.stall(),
      cut: () => breakWatches(backend),
      halfOpen: () => backend.stall(),
      restore: () => backend.recover(),
    },
    raw: memoryRaw(backend),
    activity: {
      get open() {
        return backend.openWatches;
      },
      get started() {
        const { read, watch, write } = backend.calls;
        return read + watch + write;
      },
    },
    async [Symbol.asyncDispose]() {
      backend.wipe();
    },
  };
}

function memoryRaw(backend: MemoryBackend): Raw {
  return {
    async put(node) {
      backend.put(node.service, node.id, { node });
    },
    async putGarbage(service) {
      backend.put(service, "garbage", { node: { host: 42, port: "none" } });
    },
    async corrupt(service, id) {
      backend.put(service, id, { ...backend.get(service, id), node: "scribble" });
    },
    async remove(service, id) {
      backend.delete(service, id);
    },
    async stored(service, id) {
      const record = backend.get(service, id);
      if (record === undefined) return undefined;
      const { status = "up", weight = 100 } = {
        ...(record.node as { status?: string; weight?: number }),
        ...record.override,
      };
      return { serving: status === "up" && weight > 0 };
    },
    async override(service, id) {
      const record = backend.get(service, id);
      if (record === undefined) throw new Error(`no record ${id} of ${service}`);
      backend.put(service, id, { ...record, override: { weight: 7 } });
      return { weight: 7 };
    },
    async wipe() {
      backend.wipe();
    },
    async reset() {
      breakWatches(backend);
    },
  };
}

function breakWatches(backend: MemoryBackend): void {
  backend.fail("UNAVAILABLE");
  backend.recover();
}

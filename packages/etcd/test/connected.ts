import { createDiscovery, type Discovery, type Registry } from "@rollcall/core";
import { afterEach } from "vitest";

import { etcdRegistry, type EtcdOptions } from "../src/index.ts";

/** What a test file opens; everything is disposed after each test, newest first. */
export interface Connected {
  readonly registry: (options: EtcdOptions) => Registry;
  /** Without protection, and quick to try again. */
  readonly discovery: (registry: Registry) => Discovery;
  /** Disposes it with the others. */
  readonly use: <T extends AsyncDisposable>(one: T) => T;
}

/** Short limits, so that faults show soon. */
export const quick = { connectMs: 500, requestMs: 1_000, noticeMs: 1_000 };

/** Call it once per file. */
export function connected(): Connected {
  const open: AsyncDisposable[] = [];
  afterEach(async () => {
    for (const one of open.splice(0).toReversed()) await one[Symbol.asyncDispose]();
  });
  const use = <T extends AsyncDisposable>(one: T): T => {
    open.push(one);
    return one;
  };
  return {
    use,
    registry: (options) => use(etcdRegistry({ timeouts: quick, ttlMs: 2_000, ...options })),
    discovery: (registry) =>
      use(
        createDiscovery(registry, {
          protection: "off",
          backoff: { baseMs: 20, capMs: 200 },
          refusedMs: 500,
        }),
      ),
  };
}

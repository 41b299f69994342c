import { randomBytes } from "node:crypto";
import { describe, inject, test } from "vitest";
import type { Availability } from "./availability.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** By the kind's name; provided by `vitest-setup.ts`. */
    rollcallRegistries: Readonly<Record<string, Availability>>;
  }
}

/** A server that all files of a run share. Use names of your own on it: {@link namespace}. */
export interface Shared {
  /** For clients, with user info when the environment gave it; for ZooKeeper a connect string. */
  readonly url: string;
  readonly version: string;
}

/**
 * A suite that uses the shared server. Where there is none it is one skipped test that says why.
 *
 * @param body called only when there is one
 */
export type DescribeShared = (title: string, body: (server: Shared) => void) => void;

/** A suite that starts servers of its own; skipped where that is not possible, as a {@link DescribeShared} is. */
export type DescribeOwn = (title: string, body: () => void) => void;

/** The shared server, inside a suite that uses it; throws with the reason where there is none. */
export type SharedServerOf = () => Shared;

/** Suites on Eureka. */
export const describeEureka: DescribeShared = onShared("eureka");
export const describeOwnEureka: DescribeOwn = onOwn("eureka");
export const sharedEureka: SharedServerOf = sharedOf("eureka");

/** Suites on etcd. */
export const describeEtcd: DescribeShared = onShared("etcd");
export const describeOwnEtcd: DescribeOwn = onOwn("etcd");
export const sharedEtcd: SharedServerOf = sharedOf("etcd");

/** Suites on Consul. */
export const describeConsul: DescribeShared = onShared("consul");
export const describeOwnConsul: DescribeOwn = onOwn("consul");
export const sharedConsul: SharedServerOf = sharedOf("consul");

/** Suites on ZooKeeper. */
export const describeZookeeper: DescribeShared = onShared("zookeeper");
export const describeOwnZookeeper: DescribeOwn = onOwn("zookeeper");
export const sharedZookeeper: SharedServerOf = sharedOf("zookeeper");

/** Suites on Nacos. */
export const describeNacos: DescribeShared = onShared("nacos");
export const describeOwnNacos: DescribeOwn = onOwn("nacos");
export const sharedNacos: SharedServerOf = sharedOf("nacos");

/**
 * Makes service names that no other test file uses: `namespace("adapter")("orders")` is `adapter-1f9c2a6b-orders`.
 */
export function namespace(prefix: string): (name: string) => string {
  const unique = `${prefix}-${randomBytes(4).toString("hex")}`;
  return (name) => `${unique}-${name}`;
}

function onShared(kind: string): DescribeShared {
  return (title, body) => describeWith(title, availability(kind).shared, body);
}

function onOwn(kind: string): DescribeOwn {
  return (title, body) => describeWith(title, availability(kind).own, body);
}

function sharedOf(kind: string): SharedServerOf {
  return () => {
    const { shared } = availability(kind);
    if ("reason" in shared) throw new Error(`no ${kind} server: ${shared.reason}`);
    return shared;
  };
}

function availability(kind: string): Availability {
  const found = inject("rollcallRegistries")?.[kind];
  if (found !== undefined) return found;
  const reason = `this is no *.real.test.ts, so no ${kind} was looked for`;
  return { shared: { reason }, own: { reason } };
}

function describeWith<T extends object>(
  title: string,
  found: T | { readonly reason: string },
  body: (found: T) => void,
): void {
  if ("reason" in found) {
    const reason = found.reason.replaceAll(/\s+/g, " ");
    describe(title, () => test.skip(`no server: ${reason}`, () => {}));
  } else {
    describe(title, () => body(found));
  }
}

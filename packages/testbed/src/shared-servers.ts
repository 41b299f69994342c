import { randomBytes } from "node:crypto";
import { describe, inject, test } from "vitest";
import type { Availability } from "./availability.ts";

declare module "vitest" {
  interface ProvidedContext {
    /** By the kind's name; provided by `vitest-setup.ts`. */
    rollcallRegistries: Readonly<Record<string, Availability>>;
  }
}

/** The Eureka server that all files of a run share. Use names of your own: {@link namespace}. */
export interface SharedEureka {
  /** Service URL, with user info when the environment gave it. */
  readonly url: string;
  readonly version: string;
}

/**
 * The shared Eureka server of this run.
 *
 * @throws Error with the reason when there is none: call it inside {@link describeEureka}.
 */
export function sharedEureka(): SharedEureka {
  const { shared } = availability("eureka");
  if ("reason" in shared) throw new Error(`no Eureka server: ${shared.reason}`);
  return shared;
}

/**
 * A suite that uses the shared Eureka server. Where there is none it is one skipped test that says why.
 *
 * @param body called only when there is one
 */
export function describeEureka(title: string, body: (eureka: SharedEureka) => void): void {
  describeWith(title, availability("eureka").shared, body);
}

/** A suite that starts Eureka servers of its own, with `startEureka`; skipped as {@link describeEureka} is. */
export function describeOwnEureka(title: string, body: () => void): void {
  describeWith(title, availability("eureka").own, body);
}

/** The etcd that all files of a run share. Use names of your own: {@link namespace}. */
export interface SharedEtcd {
  /** For clients, with user info when the environment gave it. */
  readonly url: string;
  readonly version: string;
}

/**
 * The shared etcd of this run.
 *
 * @throws Error with the reason when there is none: call it inside {@link describeEtcd}.
 */
export function sharedEtcd(): SharedEtcd {
  const { shared } = availability("etcd");
  if ("reason" in shared) throw new Error(`no etcd server: ${shared.reason}`);
  return shared;
}

/** A suite that uses the shared etcd; skipped as {@link describeEureka} is. */
export function describeEtcd(title: string, body: (etcd: SharedEtcd) => void): void {
  describeWith(title, availability("etcd").shared, body);
}

/** A suite that starts etcd servers of its own, with `startEtcd`; skipped as {@link describeEureka} is. */
export function describeOwnEtcd(title: string, body: () => void): void {
  describeWith(title, availability("etcd").own, body);
}

/** The Consul agent that all files of a run share. Use names of your own: {@link namespace}. */
export interface SharedConsul {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly version: string;
}

/**
 * The shared Consul agent of this run.
 *
 * @throws Error with the reason when there is none: call it inside {@link describeConsul}.
 */
export function sharedConsul(): SharedConsul {
  const { shared } = availability("consul");
  if ("reason" in shared) throw new Error(`no Consul agent: ${shared.reason}`);
  return shared;
}

/** A suite that uses the shared Consul agent; skipped as {@link describeEureka} is. */
export function describeConsul(title: string, body: (consul: SharedConsul) => void): void {
  describeWith(title, availability("consul").shared, body);
}

/** A suite that starts Consul agents of its own, with `startConsul`; skipped as {@link describeEureka} is. */
export function describeOwnConsul(title: string, body: () => void): void {
  describeWith(title, availability("consul").own, body);
}

/**
 * Makes service names that no other test file uses: `namespace("adapter")("orders")` is `adapter-1f9c2a6b-orders`.
 */
export function namespace(prefix: string): (name: string) => string {
  const unique = `${prefix}-${randomBytes(4).toString("hex")}`;
  return (name) => `${unique}-${name}`;
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

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

/** The Nacos server that all files of a run share. Use names of your own: {@link namespace}. */
export interface SharedNacos {
  /** `http://host:port`, with user info when the environment gave it. gRPC is at the port + 1000. */
  readonly url: string;
  readonly version: string;
}

/**
 * The shared Nacos server of this run.
 *
 * @throws Error with the reason when there is none: call it inside {@link describeNacos}.
 */
export function sharedNacos(): SharedNacos {
  const { shared } = availability("nacos");
  if ("reason" in shared) throw new Error(`no Nacos server: ${shared.reason}`);
  return shared;
}

/** A suite that uses the shared Nacos server; skipped as {@link describeEureka} is. */
export function describeNacos(title: string, body: (nacos: SharedNacos) => void): void {
  describeWith(title, availability("nacos").shared, body);
}

/** A suite that starts Nacos servers of its own, with `startNacos`; skipped as {@link describeEureka} is. */
export function describeOwnNacos(title: string, body: () => void): void {
  describeWith(title, availability("nacos").own, body);
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

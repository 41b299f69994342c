import { setTimeout as pause } from "node:timers/promises";

import { eurekaRegistry } from "@rollcall/eureka";
import { startEureka } from "@rollcall/testbed";

import { instanceOf, plainEureka } from "./eureka-plain.ts";
import { ourSide, ourVersion, versionOfPackage } from "./our-side.ts";
import type { Backend, SideSettings } from "./side.ts";

const dayS = 86_400;
const atOnce = 20;
/** How long a change stays in the server's deltas; by default 180 s. */
const retentionMs = 10_000;

/** A lease of one second; the server counts it twice. */
const shortestMs = 1_000;
const beatMs = 333;

/** Eureka, and its npm client `eureka-js-client`. */
export const eureka: Backend = {
  name: "Eureka",
  changes: 500,
  intervalMs: 200,
  sides: {
    rollcall: {
      version: () => ourVersion,
      make: (url, { lease, intervalMs }) =>
        ourSide(
          eurekaRegistry({
            servers: url,
            ...(intervalMs === undefined ? {} : { intervalMs }),
            ...(lease === "shortest"
              ? { lease: { durationMs: shortestMs, renewalIntervalMs: beatMs } }
              : {}),
          }),
        ),
    },
    "eureka-js-client": {
      version: () => versionOfPackage("eureka-js-client"),
      make: (url, settings) => plainEureka(url, plainSettings(settings)),
      notes: {
        visible: "its cache has no event for a change; it is looked at after each fetch",
        gone: "it has the same lease, heartbeats and interval",
      },
    },
  },
  async start(kind) {
    const server = await startEureka(
      kind === "default"
        ? {
            readOnlyCache: true,
            // Self-preservation stays off: with it, a few that are killed stay for ever.
            settings: { "eureka.server.eviction-interval-timer-in-ms": "60000" },
          }
        : {
            settings: {
              // Ten thousand that have just registered are not in every delta for the next three minutes.
              "eureka.server.retention-time-in-m-s-in-delta-queue": String(retentionMs),
              "eureka.server.delta-retention-timer-interval-in-ms": "1000",
            },
          },
    );
    const write = async (service: string, index: number, version: string): Promise<void> => {
      const answer = await fetch(`${server.url}apps/${service}`, {
        method: "POST",
        headers: { "content-type": "application/json" },
        body: JSON.stringify({
          instance: {
            ...instanceOf(service, index, version, dayS),
            status: "UP",
            // Newer than what was written before, within the same millisecond too.
            lastDirtyTimestamp: String((last = Math.max(Date.now(), last + 1))),
          },
        }),
        signal: AbortSignal.timeout(30_000),
      });
      await answer.arrayBuffer();
      if (answer.status >= 300) throw new Error(`POST apps/${service} answers ${answer.status}`);
    };
    let last = 0;
    return {
      url: server.url,
      version: server.version,
      ports: [{ offset: 0, wire: "http1" }],
      async fill(service, from, count) {
        for (let at = from; at < from + count; at += atOnce) {
          const length = Math.min(atOnce, from + count - at);
          await Promise.all(Array.from({ length }, (_, step) => write(service, at + step, "0")));
        }
        if (count > atOnce) await pause(retentionMs + 2_000);
      },
      change: write,
      [Symbol.asyncDispose]: () => server.stop(),
    };
  },
};

function plainSettings({ lease, intervalMs }: SideSettings): Parameters<typeof plainEureka>[1] {
  return {
    intervalMs,
    ...(lease === "shortest" ? { leaseS: shortestMs / 1_000, beatMs } : {}),
  };
}

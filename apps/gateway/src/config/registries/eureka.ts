import * as z from "zod";

import { choice, integer, text } from "../leaf.ts";
import { type RegistryKind, registryKind, type RegistryPlace } from "./registry-kind.ts";
import { pathPrefix, serverUrls } from "./server-url.ts";
import { resolveTls, type TlsInput, tlsSchema } from "./tls.ts";

/** One entry of `discovery` with `type: eureka`, as written. */
export interface EurekaInput {
  readonly type?: "eureka" | undefined;
  readonly host: readonly string[];
  readonly prefix?: string | undefined;
  /** Seconds. */
  readonly fetch_interval?: number | undefined;
  readonly weight?: number | undefined;
  /** Milliseconds, as in APISIX. */
  readonly timeout?:
    | {
        readonly connect?: number | undefined;
        readonly send?: number | undefined;
        readonly read?: number | undefined;
      }
    | undefined;
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: TlsInput | undefined;
}

const milliseconds = integer(1, 3_600_000).optional();

/** Eureka: Netflix and Spring Cloud servers. */
export const eurekaKind: RegistryKind = registryKind<EurekaInput>(
  z.strictObject(
    {
      type: choice(["eureka"]).optional(),
      host: serverUrls("http://127.0.0.1:8761"),
      prefix: pathPrefix("/eureka/").optional(),
      fetch_interval: integer(1, 86_400).optional(),
      weight: integer(0, 1_000_000_000).optional(),
      timeout: z
        .strictObject(
          { connect: milliseconds, send: milliseconds, read: milliseconds },
          "must be a map with connect, send and read, in milliseconds",
        )
        .optional(),
      username: text(256).optional(),
      password: text(1024).optional(),
      tls: tlsSchema.optional(),
    },
    "must be a map of keys such as host",
  ),
  (place, input) => {
    if (input.password !== undefined && input.username === undefined) {
      place.problem(["password"], `${place.show(["username"])} is missing; password needs it`);
    }
    const tls = resolveTls(place, input.tls);
    if (!place.isGood || input.host === undefined) return undefined;
    const prefix = input.prefix ?? "/eureka/";
    warnOfPaths(place, input.host, prefix);
    return {
      name: place.name,
      type: "eureka",
      options: {
        servers: input.host.map((host) => host.replace(/\/+$/, "") + prefix.replace(/\/*$/, "/")),
        intervalMs: (input.fetch_interval ?? 30) * 1000,
        weight: input.weight ?? 100,
        timeouts: {
          connectMs: input.timeout?.connect ?? 2000,
          sendMs: input.timeout?.send ?? 2000,
          readMs: input.timeout?.read ?? 5000,
        },
        username: input.username,
        password: input.password,
        tls,
      },
    };
  },
);

/** Spring's defaultZone holds the path; here it comes from `prefix`. */
function warnOfPaths(place: RegistryPlace, hosts: readonly string[], prefix: string): void {
  const added = prefix.replace(/\/+$/, "");
  if (added === "") return;
  for (const [index, host] of hosts.entries()) {
    const written = host.replace(/^https?:\/\//i, "").replace(/\/+$/, "");
    if (!written.endsWith(added)) continue;
    const path = ["host", index];
    place.warn(
      path,
      `${place.show(path)} ends in ${prefix} already, and prefix adds it once more; leave it out here`,
    );
  }
}

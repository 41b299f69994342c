import * as z from "zod";

import { choice, integer, pattern, text } from "../leaf.ts";
import type { ArgRules } from "./discovery-args.ts";
import { type RegistryKind, registryKind } from "./registry-kind.ts";
import { pathPrefix, serverUrls } from "./server-url.ts";
import { resolveTls, type TlsInput, tlsSchema } from "./tls.ts";

/** One entry of `discovery` with `type: nacos`, as written. */
export interface NacosInput {
  readonly type?: "nacos" | undefined;
  readonly host: readonly string[];
  readonly prefix?: string | undefined;
  readonly protocol?: "auto" | "grpc" | "http" | undefined;
  /** Seconds. */
  readonly fetch_interval?: number | undefined;
  readonly namespace_id?: string | undefined;
  readonly group_name?: string | undefined;
  readonly clusters?: readonly string[] | undefined;
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
  readonly access_key?: string | undefined;
  readonly secret_key?: string | undefined;
  readonly tls?: TlsInput | undefined;
}

const milliseconds = integer(1, 3_600_000).optional();

/** Names as its servers take them. */
const args = {
  namespace_id: { form: /^[\w-]{1,64}$/, bound: "must be 1 to 64 letters, digits, _ and -" },
  group_name: {
    form: /^[\w\-.:]{1,128}$/,
    bound: "must be 1 to 128 letters, digits and _ - . :",
  },
  clusters: {
    form: /^[\dA-Za-z-]{1,64}$/,
    bound: "must be names of 1 to 64 letters, digits and -, with commas between them or as a list",
    isList: true,
  },
} satisfies ArgRules;

/** Nacos, over gRPC where its servers have it. */
export const nacosKind: RegistryKind = registryKind<NacosInput>(
  z.strictObject(
    {
      type: choice(["nacos"]).optional(),
      host: serverUrls("http://127.0.0.1:8848"),
      prefix: pathPrefix("/nacos").optional(),
      protocol: choice(["auto", "grpc", "http"]).optional(),
      fetch_interval: integer(1, 86_400).optional(),
      namespace_id: pattern(args.namespace_id.form, args.namespace_id.bound).optional(),
      group_name: pattern(args.group_name.form, args.group_name.bound).optional(),
      clusters: z
        .array(
          pattern(args.clusters.form, "must be 1 to 64 letters, digits and -"),
          "must be a list of cluster names",
        )
        .optional(),
      weight: integer(0, 1_000_000_000).optional(),
      timeout: z
        .strictObject(
          { connect: milliseconds, send: milliseconds, read: milliseconds },
          "must be a map with connect, send and read, in milliseconds",
        )
        .optional(),
      username: text(256).optional(),
      password: text(1024).optional(),
      access_key: text(256).optional(),
      secret_key: text(1024).optional(),
      tls: tlsSchema.optional(),
    },
    "must be a map of keys such as host",
  ),
  (place, input) => {
    for (const [key, needs] of [
      ["password", "username"],
      ["secret_key", "access_key"],
      ["access_key", "secret_key"],
    ] as const) {
      if (input[key] === undefined || input[needs] !== undefined) continue;
      place.problem([key], `${place.show([needs])} is missing; ${key} needs it`);
    }
    const tls = resolveTls(place, input.tls);
    if (!place.isGood || input.host === undefined) return undefined;
    const intervalMs = (input.fetch_interval ?? 30) * 1000;
    return {
      name: place.name,
      type: "nacos",
      options: {
        servers: input.host,
        // APISIX writes the path of the API's first version behind it.
        prefix: input.prefix?.replace(/\/v1\/?$/, "").replace(/\/+$/, ""),
        protocol: input.protocol,
        intervalMs,
        fullReadEveryMs: intervalMs,
        namespaceId: input.namespace_id,
        groupName: input.group_name,
        clusters: input.clusters,
        weight: input.weight ?? 100,
        timeouts: {
          connectMs: input.timeout?.connect ?? 2000,
          sendMs: input.timeout?.send ?? 5000,
          readMs: input.timeout?.read ?? 5000,
        },
        username: input.username,
        password: input.password,
        accessKey: input.access_key,
        secretKey: input.secret_key,
        tls,
      },
    };
  },
  args,
);

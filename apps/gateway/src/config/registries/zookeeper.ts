import * as z from "zod";

import { choice, integer, pattern, text } from "../leaf.ts";
import { type RegistryKind, registryKind } from "./registry-kind.ts";
import { pathPrefix } from "./server-url.ts";
import { resolveTls, type TlsInput, tlsSchema } from "./tls.ts";

/** One identity, as written. */
interface AuthInput {
  readonly scheme: "digest" | "sasl";
  readonly username: string;
  readonly password: string;
}

/** One entry of `discovery` with `type: zookeeper`, as written. */
export interface ZookeeperInput {
  readonly type?: "zookeeper" | undefined;
  readonly host: readonly string[];
  readonly path?: string | undefined;
  readonly codec?: "curator" | "dubbo" | "plain" | undefined;
  /** Milliseconds. */
  readonly session_timeout?: number | undefined;
  readonly auth?: AuthInput | undefined;
  readonly weight?: number | undefined;
  /** Milliseconds. */
  readonly timeout?:
    | { readonly connect?: number | undefined; readonly read?: number | undefined }
    | undefined;
  readonly tls?: TlsInput | undefined;
}

const milliseconds = integer(1, 3_600_000).optional();
const server = "must be a server such as 127.0.0.1:2181";

/** ZooKeeper. */
export const zookeeperKind: RegistryKind = registryKind<ZookeeperInput>(
  z.strictObject(
    {
      type: choice(["zookeeper"]).optional(),
      host: z
        .array(
          pattern(/^[^\s,/?#@]+(?:\/[^\s,?#]*)?$/, server),
          'must be a list of servers such as ["127.0.0.1:2181"]',
        )
        .min(1, "must name at least one server"),
      path: pathPrefix("/services").optional(),
      codec: choice(["curator", "dubbo", "plain"]).optional(),
      session_timeout: integer(100, 86_400_000).optional(),
      auth: z
        .strictObject(
          {
            scheme: choice(["digest", "sasl"]),
            username: text(256),
            password: text(1024),
          },
          "must be a map with scheme, username and password",
        )
        .optional(),
      weight: integer(0, 1_000_000_000).optional(),
      timeout: z
        .strictObject(
          { connect: milliseconds, read: milliseconds },
          "must be a map with connect and read, in milliseconds",
        )
        .optional(),
      tls: tlsSchema.optional(),
    },
    "must be a map of keys such as host",
  ),
  (place, input) => {
    const tls = resolveTls(place, input.tls);
    if (!place.isGood || input.host === undefined) return undefined;
    return {
      name: place.name,
      type: "zookeeper",
      options: {
        servers: input.host,
        path: input.path,
        codec: input.codec,
        sessionTimeoutMs: input.session_timeout ?? 30_000,
        auth: input.auth,
        weight: input.weight ?? 100,
        timeouts: {
          connectMs: input.timeout?.connect ?? 2000,
          requestMs: input.timeout?.read ?? 5000,
        },
        tls,
      },
    };
  },
);

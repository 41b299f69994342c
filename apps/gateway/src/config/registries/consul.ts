import { dirname, resolve } from "node:path";

import * as z from "zod";

import { choice, decimal, flag, integer, nodePort, text } from "../leaf.ts";
import { anyName } from "./discovery-args.ts";
import { type RegistryKind, registryKind } from "./registry-kind.ts";
import { resolveTls, type TlsInput, tlsSchema } from "./tls.ts";

type Sort = "origin" | "host_sort" | "port_sort" | "combine_sort";

/** One entry of `discovery` with `type: consul`, as written. */
export interface ConsulInput {
  readonly type?: "consul" | undefined;
  readonly servers: readonly string[];
  readonly token?: string | undefined;
  readonly datacenter?: string | undefined;
  readonly namespace?: string | undefined;
  readonly partition?: string | undefined;
  readonly consistency?: "default" | "consistent" | "stale" | undefined;
  readonly cached?: boolean | undefined;
  readonly filter?: string | undefined;
  readonly accept_warning?: boolean | undefined;
  readonly weight?: number | undefined;
  readonly keepalive?: boolean | undefined;
  /** Seconds. */
  readonly fetch_interval?: number | undefined;
  /** `connect` and `read` in milliseconds, `wait` in seconds, as in APISIX. */
  readonly timeout?:
    | {
        readonly connect?: number | undefined;
        readonly read?: number | undefined;
        readonly wait?: number | undefined;
      }
    | undefined;
  readonly sort_type?: Sort | undefined;
  readonly skip_services?: readonly string[] | undefined;
  readonly default_service?:
    | {
        readonly host: string;
        readonly port: number;
        readonly metadata?:
          | {
              readonly weight?: number | undefined;
              readonly fail_timeout?: number | undefined;
              readonly max_fails?: number | undefined;
            }
          | undefined;
      }
    | undefined;
  readonly dump?:
    | {
        readonly path: string;
        readonly load_on_init?: boolean | undefined;
        /** Seconds; 0: never. */
        readonly expire?: number | undefined;
      }
    | undefined;
  readonly shared_size?: string | undefined;
  readonly tls?: TlsInput | undefined;
}

const milliseconds = integer(1, 3_600_000).optional();
const address = "must be an address such as http://127.0.0.1:8500 or unix:///run/consul.sock";

/** Consul, through its agents or servers. */
export const consulKind: RegistryKind = registryKind<ConsulInput>(
  z.strictObject(
    {
      type: choice(["consul"]).optional(),
      servers: z
        .array(
          z
            .string(address)
            .max(2048, "must be at most 2048 characters")
            .regex(/^(?:https?|unix):\/\/[^\s?#\\]+$/i, address),
          'must be a list of addresses such as ["http://127.0.0.1:8500"]',
        )
        .min(1, "must name at least one server"),
      // Empty is how APISIX writes "none".
      token: z.union([z.literal(""), text(4096)], "must be text on one line").optional(),
      datacenter: text(255).optional(),
      namespace: text(255).optional(),
      partition: text(255).optional(),
      consistency: choice(["default", "consistent", "stale"]).optional(),
      cached: flag().optional(),
      filter: text(4096).optional(),
      accept_warning: flag().optional(),
      weight: decimal(0, 1_000_000_000, true).optional(),
      keepalive: flag().optional(),
      fetch_interval: integer(1, 86_400).optional(),
      timeout: z
        .strictObject(
          { connect: milliseconds, read: milliseconds, wait: integer(1, 600).optional() },
          "must be a map with connect and read in milliseconds, and wait in seconds",
        )
        .optional(),
      sort_type: choice(["origin", "host_sort", "port_sort", "combine_sort"]).optional(),
      skip_services: z.array(text(255), "must be a list of service names").optional(),
      default_service: z
        .strictObject(
          {
            host: text(253),
            port: nodePort,
            metadata: z
              .strictObject(
                {
                  weight: integer(0, 1_000_000_000).optional(),
                  fail_timeout: integer(0, 1_000_000_000).optional(),
                  max_fails: integer(0, 1_000_000_000).optional(),
                },
                "must be a map with weight, fail_timeout and max_fails",
              )
              .optional(),
          },
          "must be a map with host and port",
        )
        .optional(),
      dump: z
        .strictObject(
          {
            path: text(4096, "a path"),
            load_on_init: flag().optional(),
            expire: integer(0, 1_000_000_000).optional(),
          },
          "must be a map with path, load_on_init and expire",
        )
        .optional(),
      shared_size: text(32).optional(),
      tls: tlsSchema.optional(),
    },
    "must be a map of keys such as servers",
  ),
  (place, input) => {
    const tls = resolveTls(place, input.tls);
    if (input.shared_size !== undefined) {
      const path = ["shared_size"];
      place.warn(
        path,
        `${place.show(path)} has no meaning here: nothing is shared between processes`,
      );
    }
    if (!place.isGood || input.servers === undefined) return undefined;
    const { dump, default_service: fallback } = input;
    return {
      name: place.name,
      type: "consul",
      options: {
        servers: input.servers,
        token: input.token,
        datacenter: input.datacenter,
        namespace: input.namespace,
        partition: input.partition,
        consistency: input.consistency,
        cached: input.cached,
        filter: input.filter,
        acceptWarning: input.accept_warning,
        weight: input.weight ?? 1,
        blocking: input.keepalive ?? true,
        intervalMs: (input.fetch_interval ?? 3) * 1000,
        timeouts: {
          connectMs: input.timeout?.connect ?? 2000,
          readMs: input.timeout?.read ?? 5000,
          waitMs: (input.timeout?.wait ?? 55) * 1000,
        },
        sort: input.sort_type,
        skipServices: input.skip_services,
        defaultService: fallback && {
          host: fallback.host,
          port: fallback.port,
          weight: fallback.metadata?.weight,
        },
        tls,
      },
      snapshots: dump && {
        directory: dirname(resolve(place.directory, dump.path)),
        maxAgeMs: dump.load_on_init === false ? 0 : dump.expire ? dump.expire * 1000 : undefined,
      },
    };
  },
  { dc: anyName, namespace: anyName, partition: anyName },
);

import * as z from "zod";

import { type EngineInput, engineKeys } from "./engine-settings.ts";
import { flag, integer, listenPort, pattern } from "./leaf.ts";
import { networks } from "./networks.ts";
import { discoverySchema, registryKinds, type RegistryInput } from "./registries/kinds.ts";
import { type RouteInput, routeSchema, type ServiceInput, serviceSchema } from "./route-schema.ts";
import {
  type ListenTlsInput,
  listenTlsSchema,
  type NodeTlsInput,
  nodeTlsSchema,
  type SslInput,
  sslSchema,
} from "./tls-schema.ts";
import { type UpstreamInput, upstreamSchema } from "./upstream-schema.ts";

/** An address to listen on, as written. */
export interface ListenInput {
  readonly host?: string | undefined;
  readonly port: number;
  readonly tls?: ListenTlsInput | undefined;
}

/** The admin listener, as written; port 9090 unless said. */
export interface AdminInput {
  readonly host?: string | undefined;
  readonly port?: number | undefined;
}

/** A whole configuration file, as written. */
export interface FileInput extends EngineInput {
  readonly listen?: readonly ListenInput[] | undefined;
  readonly admin?: AdminInput | null | undefined;
  readonly discovery?: Readonly<Record<string, RegistryInput>> | null | undefined;
  readonly routes?: readonly RouteInput[] | null | undefined;
  readonly upstreams?: readonly UpstreamInput[] | null | undefined;
  readonly services?: readonly ServiceInput[] | null | undefined;
  readonly ssls?: readonly SslInput[] | null | undefined;
  readonly node_tls?: Omit<NodeTlsInput, "server_name"> | undefined;
  readonly wait_ms?: number | undefined;
  readonly drain_timeout?: number | undefined;
  readonly snapshot_dir?: string | false | undefined;
  readonly access_log?: boolean | undefined;
  readonly workers?: number | "auto" | undefined;
  readonly node_addresses?:
    | {
        readonly allow?: readonly string[] | undefined;
        readonly deny?: readonly string[] | undefined;
      }
    | undefined;
}

const address = pattern(
  /^(?:[A-Za-z0-9._-]{1,253}|\[?[0-9A-Fa-f:.]{2,45}(?:%[A-Za-z0-9._-]{1,32})?\]?)$/,
  "must be an IP address or a host name",
);

const listenSchema: z.ZodType<ListenInput> = z.strictObject(
  { host: address.optional(), port: listenPort, tls: listenTlsSchema.optional() },
  "must be a map with host and port",
);

const adminSchema = z.strictObject(
  { host: address.optional(), port: listenPort.optional() },
  "must be a map with host and port",
);

const workerBound = "must be a whole number from 1 to 128, or auto";
const workerCount = z.int(workerBound).min(1, workerBound).max(128, workerBound);

const lists = {
  routes: z.array(routeSchema, "must be a list of routes").nullable().optional(),
  upstreams: z.array(upstreamSchema, "must be a list of upstreams").nullable().optional(),
  services: z.array(serviceSchema, "must be a list of services").nullable().optional(),
  ssls: z.array(sslSchema, "must be a list of certificates").nullable().optional(),
};

/** Shape of the file given with `--config`. */
export const configFileSchema: z.ZodType<FileInput> = z.strictObject({
  listen: z
    .array(listenSchema, "must be a list such as [{ host: 127.0.0.1, port: 9080 }]")
    .min(1, "must name at least one address"),
  admin: adminSchema.nullable().optional(),
  discovery: discoverySchema.nullable().optional(),
  ...lists,
  node_tls: nodeTlsSchema.optional(),
  wait_ms: integer(0, 60_000).optional(),
  drain_timeout: integer(0, 600_000).optional(),
  snapshot_dir: z
    .union([z.literal(false), z.string().min(1)], "must be the path of a directory, or off")
    .optional(),
  access_log: flag().optional(),
  ...engineKeys,
  workers: z.union([z.literal("auto", workerBound), workerCount], workerBound).optional(),
  node_addresses: z
    .strictObject(
      { allow: networks.optional(), deny: networks.optional() },
      "must be a map with allow and deny",
    )
    .optional(),
});

/** Shape of the file given with `--routes`: the lists of APISIX's standalone `apisix.yaml`. */
export const routesFileSchema: z.ZodType<FileInput> = z.strictObject(lists);

/** JSON Schema (draft 2020-12) of the file given with `--config`. */
export function configJsonSchema(): object {
  return z.toJSONSchema(configFileSchema, {
    io: "input",
    unrepresentable: "any",
    override: ({ zodSchema, jsonSchema }) => {
      if ((zodSchema as unknown) !== discoverySchema) return;
      const kinds = Object.values(registryKinds);
      jsonSchema.additionalProperties = { anyOf: kinds.map(({ schema }) => jsonSchemaOf(schema)) };
    },
  });
}

function jsonSchemaOf(schema: z.ZodType): z.core.JSONSchema.BaseSchema {
  const { $schema: _, ...rest } = z.toJSONSchema(schema, { io: "input", unrepresentable: "any" });
  return rest;
}

/** Keys that an object at this place of a file may have, for "did you mean". */
export function keysOf(schema: z.ZodType): readonly string[] {
  return schema instanceof z.ZodObject ? Object.keys(schema.shape) : [];
}

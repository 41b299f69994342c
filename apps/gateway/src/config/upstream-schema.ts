import { balancerTypes, type BalancerType } from "@rollcall/balancer";
import * as z from "zod";

import { type BalancingInput, balancingKeys } from "./balancing-schema.ts";
import {
  choice,
  decimal,
  descriptive,
  integer,
  nodePort,
  objectId,
  pattern,
  text,
} from "./leaf.ts";
import { unsupportedSchemes } from "./refusal.ts";
import { type NodeTlsInput, upstreamTlsSchema } from "./tls-schema.ts";

/** `timeout` of an upstream or a route, in seconds, as in APISIX. */
export interface TimeoutInput {
  readonly connect?: number | undefined;
  readonly send?: number | undefined;
  readonly read?: number | undefined;
}

/** One node in the list form of `nodes`. */
export interface NodeEntry {
  readonly host: string;
  readonly port?: number | undefined;
  readonly weight: number;
  readonly priority?: number | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

/** An upstream as written: inline in a route or service, or in `upstreams`. */
export interface UpstreamInput extends BalancingInput {
  readonly id?: string | number | undefined;
  readonly type?: BalancerType | undefined;
  readonly hash_on?: "vars" | "header" | "cookie" | "vars_combinations" | undefined;
  readonly key?: string | undefined;
  readonly nodes?: Readonly<Record<string, number>> | readonly NodeEntry[] | undefined;
  readonly service_name?: string | undefined;
  readonly discovery_type?: string | undefined;
  readonly discovery_args?: Readonly<Record<string, string | readonly string[]>> | undefined;
  readonly scheme?: "http" | "https" | undefined;
  readonly pass_host?: "pass" | "node" | "rewrite" | undefined;
  readonly upstream_host?: string | undefined;
  readonly retries?: number | undefined;
  readonly retry_timeout?: number | undefined;
  readonly timeout?: TimeoutInput | undefined;
  readonly tls?: NodeTlsInput | undefined;
}

const dayS = 86_400;

const seconds = decimal(0, dayS, true).optional();

/** Shape of {@link TimeoutInput}. */
export const timeoutSchema: z.ZodType<TimeoutInput> = z.strictObject(
  { connect: seconds, send: seconds, read: seconds },
  "must be a map with connect, send and read, in seconds",
);

const weight = integer(0, 1_000_000_000);

const nodeSchema = z.strictObject(
  {
    host: text(254, "a host name or an IP address"),
    port: nodePort.optional(),
    weight,
    priority: integer(-1_000_000, 1_000_000).optional(),
    metadata: z.record(z.string(), z.string("must be text"), "must be a map of texts").optional(),
  },
  'must be a map with host, port and weight, or write nodes as a map: "10.0.0.1:8080": 1',
);

const nodesForm = 'must be a map such as "10.0.0.1:8080": 1, or a list of nodes';

/** Shape of {@link UpstreamInput}. */
export const upstreamSchema: z.ZodType<UpstreamInput> = z.strictObject(
  {
    id: objectId.optional(),
    ...descriptive,
    type: choice(balancerTypes).optional(),
    nodes: z
      .union([z.array(nodeSchema, nodesForm), z.record(z.string(), weight, nodesForm)], nodesForm)
      .optional(),
    service_name: text(255).optional(),
    discovery_type: text(64).optional(),
    discovery_args: z
      .record(
        z.string(),
        z.union([text(255), z.array(text(255))], "must be text, or a list of texts"),
        "must be a map such as group_name: BLUE",
      )
      .optional(),
    scheme: choice(["http", "https"], unsupportedSchemes).optional(),
    pass_host: choice(["pass", "node", "rewrite"]).optional(),
    upstream_host: pattern(
      /^[A-Za-z0-9._-]{1,253}(?::[0-9]{1,5})?$/,
      "must be a host name, with :port if needed",
    ).optional(),
    retries: integer(0, 1_000).optional(),
    retry_timeout: decimal(0, dayS).optional(),
    timeout: timeoutSchema.optional(),
    tls: upstreamTlsSchema.optional(),
    hash_on: choice(["vars", "header", "cookie", "vars_combinations"], ["consumer"]).optional(),
    key: text(1024).optional(),
    ...balancingKeys,
  },
  "must be a map of keys such as nodes or service_name",
);

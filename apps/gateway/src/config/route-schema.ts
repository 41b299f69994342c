import * as z from "zod";

import { choice, descriptive, flag, integer, objectId, pattern } from "./leaf.ts";
import {
  timeoutSchema,
  type TimeoutInput,
  upstreamSchema,
  type UpstreamInput,
} from "./upstream-schema.ts";

/** `plugins.proxy-rewrite` as written. */
export interface RewriteInput {
  readonly uri?: string | undefined;
  readonly regex_uri?: readonly string[] | undefined;
  readonly host?: string | undefined;
}

/** `plugins` as written. */
export interface PluginsInput {
  readonly "proxy-rewrite"?: RewriteInput | undefined;
}

/** A service as written: what several routes share. */
export interface ServiceInput {
  readonly id?: string | number | undefined;
  readonly hosts?: readonly string[] | undefined;
  readonly plugins?: PluginsInput | undefined;
  readonly upstream?: UpstreamInput | undefined;
  readonly upstream_id?: string | number | undefined;
  readonly enable_websocket?: boolean | undefined;
}

/** A route as written. */
export interface RouteInput extends ServiceInput {
  readonly uri?: string | undefined;
  readonly uris?: readonly string[] | undefined;
  readonly host?: string | undefined;
  readonly methods?: readonly string[] | undefined;
  readonly priority?: number | undefined;
  readonly status?: number | undefined;
  readonly service_id?: string | number | undefined;
  readonly timeout?: TimeoutInput | undefined;
}

/** Methods a route may name, as in APISIX. */
const methods = [
  "GET",
  "POST",
  "PUT",
  "DELETE",
  "PATCH",
  "HEAD",
  "OPTIONS",
  "CONNECT",
  "TRACE",
  "PURGE",
] as const;

const host = pattern(
  /^\*?[A-Za-z0-9_.-]{1,253}$|^\[[0-9a-fA-F:.]+\]$/,
  "must be a host name without a port, or * and its end such as *.example.com",
);
const uri = z
  .string('must be text starting with "/"')
  .min(1, 'must start with "/"')
  .max(4096, "must be at most 4096 characters")
  .startsWith("/", 'must start with "/"')
  .regex(/^[^*]*\*?$/, 'may have one "*", and only at its end');

const rewriteSchema = z.strictObject(
  {
    uri: z
      .string('must be text starting with "/"')
      .max(4096, "must be at most 4096 characters")
      .startsWith("/", 'must start with "/"')
      .regex(/^[^\u0000-\u0020\u007f#$]*$/, "must not hold spaces, # or $variables")
      .optional(),
    regex_uri: z
      .array(z.string("must be text").max(4096, "must be at most 4096 characters"), {
        error: "must be a list: pattern, replacement, and so on",
      })
      .optional(),
    host: pattern(
      /^[A-Za-z0-9.-]{1,253}(?::[0-9]{1,5})?$/,
      "must be a host name, with :port if needed",
    ).optional(),
    // APISIX writes the default into exported objects.
    use_real_request_uri_unsafe: z
      .literal(false, "must be false: the unnormalised path is never forwarded")
      .optional(),
  },
  "must be a map with uri, regex_uri or host",
);

const pluginsSchema = z.strictObject(
  { "proxy-rewrite": rewriteSchema.optional() },
  "must be a map of plugins by name",
);

const shared = {
  id: objectId.optional(),
  ...descriptive,
  hosts: z
    .array(host, "must be a list of host names")
    .min(1, "must name at least one host")
    .optional(),
  plugins: pluginsSchema.optional(),
  upstream: upstreamSchema.optional(),
  upstream_id: objectId.optional(),
  enable_websocket: flag().optional(),
};

/** Shape of {@link ServiceInput}. */
export const serviceSchema: z.ZodType<ServiceInput> = z.strictObject(
  shared,
  "must be a map of keys such as id and upstream",
);

/** Shape of {@link RouteInput}. */
export const routeSchema: z.ZodType<RouteInput> = z.strictObject(
  {
    ...shared,
    uri: uri.optional(),
    uris: z.array(uri, "must be a list of paths").min(1, "must name at least one path").optional(),
    host: host.optional(),
    methods: z
      .array(choice(methods), "must be a list of methods")
      .min(1, "must name at least one method")
      .optional(),
    priority: integer(-1_000_000_000, 1_000_000_000).optional(),
    status: integer(0, 1).optional(),
    service_id: objectId.optional(),
    timeout: timeoutSchema.optional(),
  },
  "must be a map of keys such as uri and upstream",
);

import * as z from "zod";

import { choice, flag, integer, pattern, text } from "./leaf.ts";

/** `tls` of a registry: PEM text, or the path of a PEM file relative to the configuration file. */
export interface TlsInput {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly server_name?: string | undefined;
  readonly verify?: boolean | undefined;
}

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

const tlsSchema = z.strictObject(
  {
    ca: z
      .string("must be PEM text or the path of a PEM file")
      .min(1, "must not be empty")
      .optional(),
    cert: z
      .string("must be PEM text or the path of a PEM file")
      .min(1, "must not be empty")
      .optional(),
    key: z
      .string("must be PEM text or the path of a PEM file")
      .min(1, "must not be empty")
      .optional(),
    server_name: text(253).optional(),
    verify: flag().optional(),
  },
  "must be a map with ca, cert, key, server_name or verify",
);

/** Shape of {@link EurekaInput}. */
export const eurekaSchema: z.ZodType<EurekaInput> = z.strictObject(
  {
    type: choice(["eureka"]).optional(),
    host: z
      .array(
        z
          .string("must be a URL such as http://127.0.0.1:8761")
          .max(2048, "must be at most 2048 characters")
          .refine(isServerUrl, "must be a URL such as http://127.0.0.1:8761, without ? and #"),
        'must be a list of URLs such as ["http://127.0.0.1:8761"]',
      )
      .min(1, "must name at least one server"),
    prefix: pattern(
      /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/,
      'must be a path starting with "/", such as /eureka/',
    ).optional(),
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
);

/**
 * Whether `value` is an http(s) URL with an optional `user:password@`, split at the last `@`, so that a
 * password may hold any character.
 */
function isServerUrl(value: string): boolean {
  const scheme = /^https?:\/\//i.exec(value);
  if (scheme === null) return false;
  const rest = value.slice(scheme[0].length);
  const place = rest.slice(rest.lastIndexOf("@") + 1);
  if (!/^[^\s?#\\]+$/.test(place)) return false;
  try {
    const url = new URL(`${scheme[0]}${place}`);
    return url.hostname !== "" && url.username === "" && url.port !== "0";
  } catch {
    return false;
  }
}

import { limitBounds, type ProxyLimits, type ProxySettings } from "@rollcall/proxy";
import * as z from "zod";

import { choice, integer, pattern } from "./leaf.ts";
import { networks } from "./networks.ts";

/** What the file says to the proxy engine, as written. */
export interface EngineInput {
  /** The engine's bounds by their names in snake_case, in their units. */
  readonly limits?: Readonly<Record<string, number>> | undefined;
  readonly trusted_proxies?: readonly string[] | undefined;
  readonly trusted_fields?: "either" | "x-forwarded" | "forwarded" | undefined;
  readonly retry_methods?: readonly string[] | undefined;
  readonly half_close?: "cancel" | "serve" | undefined;
}

const bounds = Object.entries(limitBounds).map(([name, [least, most]]) => ({
  name: name as keyof ProxyLimits,
  key: snakeCase(name),
  least,
  most,
}));

const limitKeys = Object.fromEntries(
  bounds.map(({ key, least, most }) => [key, integer(least, most).optional()]),
);

/** Shape of {@link EngineInput}: keys of the file's top level. */
export const engineKeys: {
  readonly limits: z.ZodType<EngineInput["limits"]>;
  readonly trusted_proxies: z.ZodType<EngineInput["trusted_proxies"]>;
  readonly trusted_fields: z.ZodType<EngineInput["trusted_fields"]>;
  readonly retry_methods: z.ZodType<EngineInput["retry_methods"]>;
  readonly half_close: z.ZodType<EngineInput["half_close"]>;
} = {
  limits: z
    .strictObject(limitKeys, "must be a map of bounds such as max_body_bytes: 1048576")
    .optional() as z.ZodType<EngineInput["limits"]>,
  trusted_proxies: networks.optional(),
  trusted_fields: choice(["either", "x-forwarded", "forwarded"]).optional(),
  retry_methods: z
    .array(
      pattern(/^[A-Z][A-Z_-]{0,31}$/, "must be a method in capitals, such as GET"),
      "must be a list of methods such as [GET, HEAD]",
    )
    .optional(),
  half_close: choice(["cancel", "serve"]).optional(),
};

/** What the engine is told; what is left out is as it has it. */
export function engineSettings(input: EngineInput): ProxySettings {
  const { limits = {} } = input;
  return {
    ...Object.fromEntries(bounds.map(({ name, key }) => [name, limits[key]])),
    trustedProxies: input.trusted_proxies,
    trustedFields: input.trusted_fields,
    repeatMethods: input.retry_methods,
    halfClose: input.half_close,
  };
}

/** `maxHeadBytes` is `max_head_bytes` in a file. */
export function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

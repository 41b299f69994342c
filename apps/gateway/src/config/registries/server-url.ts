import * as z from "zod";

import { pattern } from "../leaf.ts";

/** A list of http(s) URLs with an optional `user:password@`. */
export function serverUrls(example: string): z.ZodType<readonly string[]> {
  const bound = `must be a URL such as ${example}`;
  return z
    .array(
      z
        .string(bound)
        .max(2048, "must be at most 2048 characters")
        .refine(isServerUrl, `${bound}, without ? and #`),
      `must be a list of URLs such as ["${example}"]`,
    )
    .min(1, "must name at least one server");
}

/** A path that is put before all others. */
export function pathPrefix(example: string): z.ZodType<string> {
  return pattern(
    /^\/[A-Za-z0-9._~!$&'()*+,;=:@%/-]*$/,
    `must be a path starting with "/", such as ${example}`,
  );
}

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

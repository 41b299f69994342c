import * as z from "zod";

import { flag, text } from "../leaf.ts";
import type { RegistryPlace } from "./registry-kind.ts";

/** `tls` of a registry: PEM text, or the path of a PEM file relative to the configuration file. */
export interface TlsInput {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly server_name?: string | undefined;
  readonly verify?: boolean | undefined;
}

/** TLS towards a registry; PEM texts. */
export interface RegistryTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
  readonly verify: boolean;
}

const pem = z
  .string("must be PEM text or the path of a PEM file")
  .min(1, "must not be empty")
  .optional();

/** Shape of {@link TlsInput}. */
export const tlsSchema: z.ZodType<TlsInput> = z.strictObject(
  { ca: pem, cert: pem, key: pem, server_name: text(253).optional(), verify: flag().optional() },
  "must be a map with ca, cert, key, server_name or verify",
);

/** Reads the PEM files of `tls`; `undefined` when there is no such section. */
export function resolveTls(
  place: RegistryPlace,
  input: TlsInput | undefined,
): RegistryTls | undefined {
  if (input === undefined) return undefined;
  if ((input.cert === undefined) !== (input.key === undefined)) {
    place.problem(["tls"], `${place.show(["tls"])} needs cert and key together`);
  }
  return {
    ca: pemOf(place, input, "ca"),
    cert: pemOf(place, input, "cert"),
    key: pemOf(place, input, "key"),
    serverName: input.server_name,
    verify: input.verify ?? true,
  };
}

function pemOf(
  place: RegistryPlace,
  input: TlsInput,
  key: "ca" | "cert" | "key",
): string | undefined {
  const value = input[key];
  if (value === undefined) return undefined;
  const path = ["tls", key];
  const found = place.pem.read(value);
  if ("text" in found) return found.text;
  place.problem(path, `${place.show(path)}: ${found.fault}`);
  return undefined;
}

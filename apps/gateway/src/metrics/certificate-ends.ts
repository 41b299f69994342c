import { X509Certificate } from "node:crypto";

import type { ServerCertificate } from "@rollcall/proxy";

import type { ListenConfig } from "../config/gateway-config.ts";
import type { Value } from "./request-numbers.ts";

const known = new WeakMap<ServerCertificate, Value>();

/** Until when the certificates of listeners are good, in seconds since 1970, by the first name they are for. */
export function certificateEnds(listen: readonly ListenConfig[]): readonly Value[] {
  const values = new Map<string, Value>();
  for (const certificate of listen.flatMap(({ tls }) => tls?.certificates ?? [])) {
    const value = endOf(certificate);
    const name = String(value.labels["name"]);
    const other = values.get(name);
    // Of several for one name the first to end counts.
    if (other === undefined || value.value < other.value) values.set(name, value);
  }
  return [...values.values()];
}

function endOf(certificate: ServerCertificate): Value {
  let value = known.get(certificate);
  if (value === undefined) {
    const { validTo, subjectAltName, subject } = new X509Certificate(certificate.cert);
    const own = /^[A-Za-z ]+:(.+?)(?:,|$)/.exec(subjectAltName ?? "")?.[1];
    const name = certificate.names?.[0] ?? own ?? subject ?? "";
    value = { value: Date.parse(validTo) / 1000, labels: { name } };
    known.set(certificate, value);
  }
  return value;
}

import { X509Certificate } from "node:crypto";

import type { ServerCertificate } from "../contract-tls.ts";

/** Finds what belongs to a name: exactly, else by a wildcard for its first label. RFC 6125 §6.4.3. */
export class ByName<T> {
  readonly #exact = new Map<string, T>();
  /** By what follows the `*`. */
  readonly #wildcard = new Map<string, T>();

  /** @returns whether the name was free. */
  add(name: string, value: T): boolean {
    const asked = normalized(name);
    const [map, key] = asked.startsWith("*.")
      ? [this.#wildcard, asked.slice(1)]
      : [this.#exact, asked];
    if (map.has(key)) return false;
    map.set(key, value);
    return true;
  }

  find(name: string): T | undefined {
    const asked = normalized(name);
    const found = this.#exact.get(asked);
    if (found !== undefined || this.#wildcard.size === 0) return found;
    const dot = asked.indexOf(".");
    return dot <= 0 ? undefined : this.#wildcard.get(asked.slice(dot));
  }
}

/** DNS names that a certificate is good for, as written in it. */
export function namesOf(cert: ServerCertificate["cert"]): readonly string[] {
  const { subjectAltName = "" } = new X509Certificate(cert);
  const found = [...subjectAltName.matchAll(/(?:^|, )DNS:([A-Za-z0-9._*-]+)(?=,|$)/g)];
  return found.map(([, name]) => name!);
}

function normalized(name: string): string {
  return (name.endsWith(".") ? name.slice(0, -1) : name).toLowerCase();
}

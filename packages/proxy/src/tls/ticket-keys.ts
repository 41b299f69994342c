import { createHmac } from "node:crypto";

import type { ListenTls } from "../contract-tls.ts";

/** Fewest bytes of a secret. */
const leastBytes = 32;

/** @throws RangeError  When it is too short. */
export function checkTicketSecret(secret: Uint8Array): void {
  if (secret.length >= leastBytes) return;
  throw new RangeError(`the ticket secret has ${secret.length} bytes; give ${leastBytes} or more`);
}

/**
 * The keys with which a listener seals the tickets of its sessions: 48 bytes, a name and two keys of 16 each.
 *
 * Whoever has the secret and the same certificates has the same keys. Certificates belong to it because a session
 * that goes on is not asked for its name again: a ticket must not outlive the certificate it was given under, nor
 * be good at a listener with others.
 */
export function ticketKeys(secret: Uint8Array, { certificates, unknownNames }: ListenTls): Buffer {
  const shown = certificates.map(({ cert, names }) => [cert.toString(), names]);
  return createHmac("sha384", secret)
    .update(JSON.stringify([unknownNames, shown]))
    .digest();
}

import { createCipheriv, createSecretKey, randomBytes } from "node:crypto";

// Known to this process alone and never shown, so nobody can choose bytes that are taken for others.
const key = createSecretKey(randomBytes(16));
// The tags leave this process as little as the key does, so one nonce does for all.
const nonce = Buffer.alloc(12);

/**
 * What stands for bytes that are not kept: 16 bytes, the same for the same bytes, given in any pieces.
 *
 * This is GMAC, an authenticator: whatever a server sends, two different texts have the same tag with a
 * probability below 2⁻¹⁰⁰. Processors compute it at ten gigabytes a second, ten times as fast as a digest.
 */
export function tagOf(parts: readonly Uint8Array[]): string {
  const cipher = createCipheriv("aes-128-gcm", key, nonce);
  for (const part of parts) cipher.setAAD(part);
  cipher.final();
  return cipher.getAuthTag().toString("latin1");
}

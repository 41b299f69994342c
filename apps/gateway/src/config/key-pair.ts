import { createPrivateKey, type KeyObject, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

import type { PemFiles } from "./pem-files.ts";

/** A certificate and its key as written: PEM text or paths. */
export interface WrittenPair {
  readonly cert: string;
  readonly key: string;
}

/** Where what is wrong with a pair is told. */
export interface PairPlace {
  /** Full names of both keys, for messages: `listen[0].tls.cert`. */
  readonly cert: string;
  readonly key: string;
  problem(which: "cert" | "key", message: string): void;
  warn(which: "cert" | "key", message: string): void;
}

/** A pair that fits. PEM texts. */
export interface KeyPair {
  readonly cert: string;
  readonly key: string;
}

/**
 * Reads a certificate and its key and sees whether they can be used. What is told of them holds no byte of
 * the key.
 *
 * @returns `undefined` when something is wrong; it was told at `place` then.
 */
export function readKeyPair(
  written: WrittenPair,
  place: PairPlace,
  files: PemFiles,
): KeyPair | undefined {
  const certText = files.read(written.cert);
  const keyText = files.read(written.key);
  if ("fault" in certText) place.problem("cert", `${place.cert}: ${certText.fault}`);
  if ("fault" in keyText) place.problem("key", `${place.key}: ${keyText.fault}`);
  const certificate = "text" in certText ? certificateOf(certText.text, place) : undefined;
  const key = "text" in keyText ? keyOf(keyText.text, place) : undefined;
  if (certificate === undefined || key === undefined) return undefined;
  if (!certificate.checkPrivateKey(key)) {
    place.problem("key", `${place.key} does not fit the certificate in ${place.cert}`);
    return undefined;
  }
  const pair = { cert: (certText as KeyText).text, key: (keyText as KeyText).text };
  return isUsable(pair, place) ? pair : undefined;
}

interface KeyText {
  readonly text: string;
}

function certificateOf(text: string, place: PairPlace): X509Certificate | undefined {
  let certificate: X509Certificate;
  try {
    certificate = new X509Certificate(text);
  } catch {
    place.problem("cert", `${place.cert} holds no certificate that can be read; it must be PEM`);
    return undefined;
  }
  const now = Date.now();
  const { validTo, validFrom } = certificate;
  if (Date.parse(validTo) <= now) {
    place.warn("cert", `${place.cert}: the certificate expired on ${day(validTo)}; renew it`);
  } else if (Date.parse(validFrom) > now) {
    place.warn("cert", `${place.cert}: the certificate is not valid before ${day(validFrom)}`);
  }
  return certificate;
}

function keyOf(text: string, place: PairPlace): KeyObject | undefined {
  try {
    return createPrivateKey(text);
  } catch {
    const fix = "it must be PEM, without a passphrase";
    place.problem("key", `${place.key} holds no private key that can be read; ${fix}`);
    return undefined;
  }
}

/** What OpenSSL's policy says: keys that are too short, for example. */
function isUsable({ cert, key }: KeyPair, place: PairPlace): boolean {
  try {
    createSecureContext({ cert, key });
    return true;
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    place.problem("cert", `${place.cert} cannot be used for TLS (${code})`);
    return false;
  }
}

function day(date: string): string {
  return new Date(date).toISOString().slice(0, 10);
}

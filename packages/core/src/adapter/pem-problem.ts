import { createPrivateKey, X509Certificate } from "node:crypto";
import { createSecureContext } from "node:tls";

/** One file's worth of PEM. */
type Pem = string | Buffer;

/** What an adapter's `tls` options hold of certificates. */
export interface TlsFiles {
  /** Authorities to trust instead of those of Node.js. */
  readonly ca?: Pem | readonly Pem[] | undefined;
  /** Client certificate, with its chain; needs `key`. */
  readonly cert?: Pem | undefined;
  /** Private key of `cert`. */
  readonly key?: Pem | undefined;
}

const howGiven = "in PEM: the text of the file, not its name";

/**
 * What is wrong with an adapter's certificates, for the reason of an `INVALID`: names the option, and never holds
 * a part of what was given. Undefined when they can be used.
 */
export function pemProblem({ ca, cert, key }: TlsFiles): string | undefined {
  if ((cert === undefined) !== (key === undefined)) {
    return "tls.cert and tls.key must be given together";
  }
  const authorities = ca === undefined ? undefined : [ca].flat();
  // A secure context would silently leave out what it cannot read.
  if (authorities?.every(isCertificate) === false) {
    return `tls.ca must be one certificate, or a list of them, ${howGiven}`;
  }
  if (cert === undefined || key === undefined) return undefined;
  if (!isCertificate(cert)) return `tls.cert must be a certificate ${howGiven}`;
  if (!isPrivateKey(key)) {
    return `tls.key must be a private key without a passphrase, ${howGiven}`;
  }
  try {
    createSecureContext({ cert, key, ...(authorities === undefined ? {} : { ca: authorities }) });
    return undefined;
  } catch {
    return "tls.cert and tls.key must be PEM that fits together";
  }
}

function isCertificate(pem: Pem): boolean {
  try {
    void new X509Certificate(pem);
    // Which also reads DER, unlike a secure context.
    return pem.includes("-----BEGIN ");
  } catch {
    return false;
  }
}

function isPrivateKey(pem: Pem): boolean {
  try {
    return createPrivateKey(pem).type === "private";
  } catch {
    return false;
  }
}

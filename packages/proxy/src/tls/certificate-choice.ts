import { createSecureContext, type SecureContext, type SecureContextOptions } from "node:tls";

import type { ListenTls, ServerCertificate } from "../contract-tls.ts";
import { ByName, namesOf } from "./names.ts";

/** The certificates of a listener, ready for use. */
export interface CertificateChoice {
  /** For clients whose name finds nothing; without a certificate their handshakes fail. */
  readonly otherwise: Pick<SecureContextOptions, "cert" | "key">;
  /** `undefined`: none is for this name. */
  find(name: string): SecureContext | undefined;
}

/** What no client of today needs is not offered. */
export const minVersion = "TLSv1.2";

/** @throws TypeError  When one cannot be used: says which and why, and nothing of the key. */
export function certificateChoice({ certificates, unknownNames }: ListenTls): CertificateChoice {
  const [first] = certificates;
  if (first === undefined) throw new TypeError("tls.certificates is empty; give at least one");
  const contexts = new ByName<SecureContext>();
  const ready = certificates.map((one, index) => contextOf(one, `tls.certificates[${index}]`));
  for (const [index, { names = [] }] of certificates.entries()) {
    for (const name of names) {
      if (contexts.add(name, ready[index]!)) continue;
      const place = `tls.certificates[${index}].names`;
      throw new TypeError(`${place}: ${JSON.stringify(name)} is there twice; keep one`);
    }
  }
  // What is said goes before what certificates say of themselves, and the first before the others.
  for (const [index, { names, cert }] of certificates.entries()) {
    if (names !== undefined) continue;
    for (const name of namesOf(cert)) contexts.add(name, ready[index]!);
  }
  return {
    otherwise: unknownNames === "refuse" ? {} : { cert: first.cert, key: first.key },
    find: (name) => contexts.find(name),
  };
}

function contextOf({ cert, key }: ServerCertificate, place: string): SecureContext {
  try {
    return createSecureContext({ cert, key, minVersion });
  } catch (error) {
    const { code = "unknown error" } = error as NodeJS.ErrnoException;
    throw new TypeError(
      code === "ERR_OSSL_X509_KEY_VALUES_MISMATCH"
        ? `${place}: the key does not fit the certificate`
        : `${place} cannot be used (${code}); give a certificate and its key as PEM`,
      { cause: error },
    );
  }
}

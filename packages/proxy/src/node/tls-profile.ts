import { createHash, X509Certificate } from "node:crypto";
import { isIP } from "node:net";
import {
  checkServerIdentity,
  type ConnectionOptions,
  createSecureContext,
  type SecureContext,
} from "node:tls";

import type { UpstreamNode } from "../contract.ts";
import type { NodeTls } from "../contract-tls.ts";

/** One way to speak TLS to nodes: what is said of it, made ready once. */
export class TlsProfile {
  /** The same for equal ones, and for no others. */
  readonly id: string;
  readonly #tls: NodeTls;
  readonly #context: SecureContext;

  /** @throws TypeError  When the certificates or the key cannot be used. */
  constructor(tls: NodeTls) {
    this.id = digest(tls);
    this.#tls = tls;
    const { ca, cert, key } = tls;
    // A secure context would silently leave out what it cannot read, and trust nobody.
    if (ca !== undefined && !isCertificate(ca)) {
      throw new TypeError("TLS towards nodes: ca must be PEM: the text of the file, not its name");
    }
    try {
      this.#context = createSecureContext({ ca, cert, key, minVersion: "TLSv1.2" });
    } catch (error) {
      const { code = "unknown error" } = error as NodeJS.ErrnoException;
      throw new TypeError(`TLS towards nodes: ca, cert or key cannot be used (${code})`, {
        cause: error,
      });
    }
  }

  /** What `node:tls` needs to connect to a node, but for the address and the session. */
  optionsFor(node: UpstreamNode): ConnectionOptions {
    const { verify = true, serverName } = this.#tls;
    const name = serverName ?? node.hostname ?? node.host;
    return {
      secureContext: this.#context,
      // An address cannot be sent (RFC 6066 §3), but a certificate may be for one.
      servername: isIP(name) === 0 ? name : "",
      checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
      ALPNProtocols: ["http/1.1"],
      rejectUnauthorized: verify,
    };
  }
}

/** Profiles by what they say, so that equal ones share connections also after a configuration was read anew. */
export class TlsProfiles {
  readonly #default: TlsProfile;
  readonly #byObject = new WeakMap<NodeTls, TlsProfile>();

  constructor(tls: NodeTls | undefined) {
    this.#default = new TlsProfile(tls ?? {});
  }

  of(tls: NodeTls | undefined): TlsProfile {
    if (tls === undefined) return this.#default;
    let profile = this.#byObject.get(tls);
    if (profile === undefined) {
      profile = new TlsProfile(tls);
      this.#byObject.set(tls, profile);
    }
    return profile;
  }
}

function isCertificate(pem: string | Buffer): boolean {
  try {
    return new X509Certificate(pem).raw.length > 0;
  } catch {
    return false;
  }
}

function digest({ ca, cert, key, verify = true, serverName }: NodeTls): string {
  const hash = createHash("sha256");
  for (const part of [ca, cert, key, serverName, String(verify)]) {
    // With its length in front, so that nothing can be moved from one into the next.
    const bytes = part === undefined ? undefined : Buffer.from(part);
    hash.update(`${bytes?.length ?? -1}:`).update(bytes ?? "");
  }
  return hash.digest("base64url");
}

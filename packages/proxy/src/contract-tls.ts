/* What is said of TLS, towards clients and towards nodes. */

/**
 * How to speak TLS to secure nodes. Frozen in use: whoever wants something else gives another object.
 * Connections are shared only between equal ones.
 */
export interface NodeTls {
  /** Authorities to trust instead of the system's, PEM. */
  readonly ca?: string | Buffer | undefined;
  /** Client certificate and its key, PEM. */
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  /**
   * Name for SNI that certificates must be good for. Default: the node's `hostname`, else its `host`; an
   * address is looked for among the certificate's addresses, and sends no SNI.
   */
  readonly serverName?: string | undefined;
  /** Whether certificates are verified. Default `true`. */
  readonly verify?: boolean | undefined;
}

/** A certificate that a listener may show. */
export interface ServerCertificate {
  /** The certificate and those it was issued by, PEM. */
  readonly cert: string | Buffer;
  /** Its private key, PEM. */
  readonly key: string | Buffer;
  /**
   * Names (SNI) that it is shown for: `shop.example`, or `*.shop.example` for one label more. Default: the
   * DNS names in the certificate.
   */
  readonly names?: readonly string[] | undefined;
}

/** TLS of a listener: 1.2 or newer, HTTP/1.1 by ALPN. */
export interface ListenTls {
  /** A name finds its certificate exactly, else by wildcard, else among no names as `unknownNames` says. */
  readonly certificates: readonly ServerCertificate[];
  /**
   * Clients that ask for a name no certificate is for, or for none: `first` shows them the first
   * certificate, `refuse` ends the handshake. Default `first`.
   */
  readonly unknownNames?: "first" | "refuse" | undefined;
  /** How long a handshake may take, in ms. Default 10 000. */
  readonly handshakeTimeoutMs?: number | undefined;
}

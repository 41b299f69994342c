import type { Cores } from "./cores.ts";

/** Files of one certificate, good for 127.0.0.1 and localhost, PEM. */
export interface CertificateFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  /** Certificate and key in one file. */
  readonly both: string;
}

/** Where a target listens, what it forwards to, and how. */
export interface Place {
  /** A directory of its own. */
  readonly directory: string;
  readonly cores: Cores;
  /** Port of 127.0.0.1 to listen on. */
  readonly listenPort: number;
  /** Port of 127.0.0.1 where the node listens. */
  readonly nodePort: number;
  /** TLS on both sides, with this certificate, and the node's verified by its authority. */
  readonly tls?: CertificateFiles | undefined;
  /** Whether WebSocket must pass. */
  readonly websocket: boolean;
}

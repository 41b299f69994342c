import type { ClientOutput } from "../client/client-output.ts";
import type { Reply } from "../contract.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import type { RequestBody } from "./request-body.ts";

/** The client's side of an exchange. */
export interface ExchangeClient {
  readonly output: ClientOutput;
  /** Whether the connection may be used for a further request. */
  readonly mayStay: boolean;
  /** Asks for the body, or for more of a tunnel's bytes. */
  resumeReading(): void;
  pauseReading(): void;
  /** Sends a whole answer. */
  reply(reply: Reply, head: ReceivedHead, keepAlive: boolean): void;
  /** The exchange is over but for its body, which is thrown away; then the next request may come. */
  discard(body: RequestBody): void;
  /** The exchange is over; its answer was sent whole. */
  finished(keepAlive: boolean, nowMs: number): void;
  /** The answer broke off: the client must not take it for whole. */
  reset(): void;
  /** From here on bytes go both ways as they are. */
  tunnel(tunnel: ClientTunnel): void;
  /** The node has said all it will say in a tunnel. */
  endHalf(): void;
}

/** Who uses a client's connection after a switch of protocols. */
export interface ClientTunnel {
  /** Bytes that arrived; they are valid until it returns. */
  clientBytes(bytes: Buffer, length: number): void;
  /** The client has said all it will say. */
  clientEnded(): void;
  /** The connection is gone. */
  clientGone(): void;
}

import type { BodyFraming } from "../http1/body-framing.ts";
import type { ResponseScan } from "../http1/response-scan.ts";

/** Who uses a connection: one exchange at a time. */
export interface NodeUser {
  /**
   * The connection stands: the request may be sent.
   *
   * @param nowMs  The time, where it is known.
   */
  nodeConnected(nowMs?: number): void;
  /** It does not, or no more. Called once; the connection is closed. */
  nodeLost(loss: NodeLoss): void;
  /** An interim answer: 100, 103… */
  nodeInformed(scan: ResponseScan, bytes: Buffer): void;
  /** The node wants to switch protocols: who goes on from there; `undefined`: nobody asked for it. */
  nodeSwitched(scan: ResponseScan, bytes: Buffer): NodeTunnel | undefined;
  /** The head of the answer: says how its body is framed, by calling `framing`. */
  nodeAnswered(scan: ResponseScan, bytes: Buffer, framing: BodyFraming): void;
  /** Bytes of the body, right after {@link nodeAnswered} in any case; the last call has `framing.done`. */
  nodeBody(bytes: Buffer, from: number, to: number, framing: BodyFraming): void;
  /** What was written has left. */
  nodeDrained(): void;
}

/** Who uses a connection after a switch of protocols. */
export interface NodeTunnel {
  nodeBytes(bytes: Buffer, from: number, to: number): void;
  /** The node has said all it will say. */
  nodeEnded(): void;
  /** What was written has left. */
  nodeDrained(): void;
  /** The connection is gone. */
  nodeLost(): void;
}

/** How a connection to a node was lost. */
export interface NodeLoss {
  readonly detail: string;
  /** Whether any byte of an answer had come. */
  readonly heard: boolean;
}

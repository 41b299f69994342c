import { monotonicMs } from "../clock.ts";
import type { ResponseScan } from "../http1/response-scan.ts";
import type { NodeConnection } from "../node/node-connection.ts";
import type { NodeTunnel } from "../node/node-user.ts";
import type { Deadline } from "./deadline.ts";
import type { ClientTunnel, ExchangeClient } from "./exchange-client.ts";

/**
 * Bytes both ways, as they come, after a switch of protocols; each side at the pace of the other.
 *
 * Either side may end its half; it is over when both have, or when one breaks.
 */
export class Tunnel implements ClientTunnel, NodeTunnel {
  readonly #client: ExchangeClient;
  readonly #node: NodeConnection;
  readonly #deadline: Deadline;
  readonly #idleMs: number;
  readonly #onOver: () => void;
  #over = false;

  /**
   * @param idleMs  How long both may be silent, in ms; 0: no bound.
   * @param onOver  Told once.
   */
  constructor(
    client: ExchangeClient,
    node: NodeConnection,
    deadline: Deadline,
    idleMs: number,
    onOver: () => void,
  ) {
    this.#client = client;
    this.#node = node;
    this.#deadline = deadline;
    this.#idleMs = idleMs;
    this.#onOver = onOver;
    client.output.isGiven = node.givesAway;
    deadline.alone(idleMs);
  }

  /** Both were silent for too long. */
  idle(): void {
    this.#end();
    this.#client.finished(false, monotonicMs());
  }

  clientBytes(bytes: Buffer, length: number): void {
    this.#deadline.alone(this.#idleMs);
    // The buffer is shared by all clients.
    this.#node.writeBytes(Buffer.from(bytes.subarray(0, length)));
    if (this.#node.isFull) this.#client.pauseReading();
  }

  clientEnded(): void {
    this.#node.endHalf();
  }

  clientGone(): void {
    this.#end();
  }

  nodeBytes(bytes: Buffer, from: number, to: number): void {
    this.#deadline.alone(this.#idleMs);
    this.#client.output.write("", bytes, from, to, "");
    if (!this.#client.output.holdsUp) return;
    this.#node.pause();
    this.#client.output.whenFlushed(() => this.#node.resume());
  }

  nodeDrained(): void {
    this.#client.resumeReading();
  }

  nodeEnded(): void {
    this.#client.endHalf();
  }

  nodeLost(): void {
    this.#end();
    this.#client.reset();
  }

  #end(): void {
    if (this.#over) return;
    this.#over = true;
    this.#onOver();
  }
}

/**
 * The protocol that both sides switch to, as the client spelled it.
 *
 * @param asked  What the client asked for; empty: nothing.
 * @returns an empty text when the node switches to another one, or unasked.
 */
export function agreedProtocol(asked: string, scan: ResponseScan, bytes: Buffer): string {
  if (asked === "" || scan.upgradeEnd === 0) return "";
  const protocol = bytes.toString("latin1", scan.upgradeStart, scan.upgradeEnd);
  return protocol.toLowerCase() === asked.toLowerCase() ? asked : "";
}

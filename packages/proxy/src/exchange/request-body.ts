import type { BodyFraming } from "../http1/body-framing.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import type { NodeConnection } from "../node/node-connection.ts";
import type { ExchangeLimits } from "./engine-parts.ts";

/** Larger pieces are written beside the head, smaller ones are copied behind it: one system call either way. */
const copyBytes = 8_192;

/**
 * Copies of this size, at hand again when they have left. A read is at most as large, and a new copy for each
 * would have the garbage collected for every few hundred.
 */
const largestCopy = 65_536;
const copies: Buffer[] = [];
const mostCopies = 16;

function copyOf(bytes: Buffer, from: number, to: number): Buffer {
  if (to - from > largestCopy) return Buffer.from(bytes.subarray(from, to));
  const copy = copies.pop() ?? Buffer.allocUnsafeSlow(largestCopy);
  bytes.copy(copy, 0, from, to);
  return copy.subarray(0, to - from);
}

function giveBack(copy: Buffer): void {
  if (copy.buffer.byteLength === largestCopy && copies.length < mostCopies) {
    copies.push(Buffer.from(copy.buffer));
  }
}

/** A request's body on its way to a node. */
export class RequestBody {
  readonly #framing: BodyFraming;
  readonly #maxBytes: number;
  readonly #expectsContinue: boolean;
  /** Head that waits for the first piece of the body, to leave with it. */
  #head = "";
  /** Whether any of it was taken from the client: then no other node can have it. */
  begun = false;

  constructor(head: ReceivedHead, framing: BodyFraming, limits: ExchangeLimits) {
    this.#framing = framing;
    this.#maxBytes = limits.maxBodyBytes;
    this.#expectsContinue = head.expectsContinue;
    if (head.chunked) framing.chunked();
    else framing.length(head.length);
  }

  get done(): boolean {
    return this.#framing.done;
  }

  get bad(): boolean {
    return this.#framing.bad;
  }

  get tooLarge(): boolean {
    return this.#framing.dataBytes > this.#maxBytes;
  }

  /**
   * Whether the rest may be waited for and thrown away. Not when its end is unknown, nor when the client may
   * never send it: one that asked for 100 and got the answer instead.
   */
  get mayBeDiscarded(): boolean {
    return !this.bad && (this.done || this.begun || !this.#expectsContinue);
  }

  /** Sends the head: at once, or with the first piece of the body. */
  headTo(node: NodeConnection, text: string, atOnce: boolean): void {
    if (atOnce) node.writeText(text);
    else this.#head = text;
  }

  /** Sends what is there; returns the offset of what no longer belongs to the body. */
  send(node: NodeConnection, bytes: Buffer, from: number, to: number): number {
    const framing = this.#framing;
    framing.take(bytes, from, to);
    const { passEnd: end, tail } = framing;
    if (end > from) this.begun = true;
    if (framing.bad || this.tooLarge) return to;
    const text = this.#head;
    this.#head = "";
    if (end - from <= copyBytes) {
      const piece = end === from ? text : text + bytes.toString("latin1", from, end);
      if (piece !== "" || tail !== "") node.writeText(piece + tail);
    } else {
      // The buffer is shared by all clients: what the kernel does not take at once must be ours.
      const copy = copyOf(bytes, from, end);
      node.writeBoth(text, copy);
      if (node.pendingBytes === 0) giveBack(copy);
      if (tail !== "") node.writeText(tail);
    }
    return framing.next;
  }

  /** Throws away what is there; returns the offset of what no longer belongs to the body. */
  discard(bytes: Buffer, from: number, to: number): number {
    this.#framing.take(bytes, from, to);
    return this.bad ? to : this.#framing.next;
  }
}

import type { BodyFraming } from "../http1/body-framing.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import type { FullLimits } from "../limits.ts";
import type { NodeConnection } from "../node/node-connection.ts";

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
  /** Whether any of it was taken from the client. */
  begun = false;
  readonly #maxKept: number;
  /** Content-Length; -1: it is chunked. */
  readonly #length: number;
  /** What was sent so far, as it was sent, while another node may have it as well. */
  #kept: Buffer[] | undefined;
  #keptBytes = 0;

  constructor(head: ReceivedHead, framing: BodyFraming, limits: FullLimits) {
    this.#framing = framing;
    this.#maxBytes = limits.maxBodyBytes === 0 ? Infinity : limits.maxBodyBytes;
    this.#maxKept = limits.maxReplayBytes;
    this.#length = head.length;
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

  /** Why it is {@link bad}. */
  get fault(): string {
    return this.#framing.fault;
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

  /** Whether there is room to keep all of it. */
  get fits(): boolean {
    return this.#length !== -1 && this.#length <= this.#maxKept;
  }

  /** Keeps what is sent from here on, as long as there is room for it. */
  keep(): void {
    if (this.#maxKept > 0 && this.#length <= this.#maxKept) this.#kept = [];
  }

  /** No other node will have it. */
  forget(): void {
    this.#kept = undefined;
  }

  /** Whether another node can have it from its first byte on. */
  get isWhole(): boolean {
    return !this.begun || this.#kept !== undefined;
  }

  /** Sends what was sent before, to another node. */
  replay(node: NodeConnection): void {
    this.flushHead(node);
    for (const piece of this.#kept ?? []) node.writeBytes(piece);
  }

  /** Sends the head: at once, or with the first piece of the body. */
  headTo(node: NodeConnection, text: string, atOnce: boolean): void {
    if (atOnce) node.writeText(text);
    else this.#head = text;
  }

  /** Sends the head alone, if it is still to be sent. */
  flushHead(node: NodeConnection): void {
    const text = this.#head;
    this.#head = "";
    if (text !== "") node.writeText(text);
  }

  /** Sends what is there; returns the offset of what no longer belongs to the body. */
  send(node: NodeConnection, bytes: Buffer, from: number, to: number): number {
    const framing = this.#framing;
    framing.take(bytes, from, to);
    const { passEnd: end, tail } = framing;
    if (end > from) this.begun = true;
    if (framing.bad || this.tooLarge) return to;
    if (this.#kept !== undefined) this.#keep(bytes.subarray(from, end), tail);
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

  #keep(bytes: Buffer, tail: string): void {
    this.#keptBytes += bytes.length + tail.length;
    if (this.#keptBytes > this.#maxKept) {
      this.#kept = undefined;
      return;
    }
    // The buffer is shared by all clients.
    this.#kept!.push(Buffer.from(bytes));
    if (tail !== "") this.#kept!.push(Buffer.from(tail, "latin1"));
  }

  /** Throws away what is there; returns the offset of what no longer belongs to the body. */
  discard(bytes: Buffer, from: number, to: number): number {
    this.#framing.take(bytes, from, to);
    return this.bad ? to : this.#framing.next;
  }
}

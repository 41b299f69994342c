import type { Socket } from "node:net";

const nothing = Buffer.alloc(0);

/** Larger pieces are written beside the text, smaller ones are copied behind it: one system call either way. */
const copyBytes = 8_192;

/** What goes to a client, and when it has left. */
export class ClientOutput {
  #socket: Socket;
  #flushed: (() => void) | undefined;
  /** Whether the socket may still hold bytes that somebody wants back. */
  #borrows = false;
  /** Whether pieces of bodies are given away, so that nobody wants them back. */
  isGiven = false;
  readonly #onFlushed = (): void => this.#tellFlushed();

  constructor(socket: Socket) {
    this.#socket = socket;
  }

  /** Goes on with another socket. */
  moveTo(socket: Socket): void {
    this.#socket = socket;
  }

  /** Bytes that have not left yet. */
  get pendingBytes(): number {
    return this.#socket.writableLength;
  }

  /** Whether to wait before more is read: for bytes that are wanted back, or because the socket is full. */
  get holdsUp(): boolean {
    if (!this.#borrows) return this.isFull;
    this.#borrows = this.#socket.writableLength > 0;
    return this.#borrows;
  }

  /** Whether more is waiting to leave than the socket holds gladly. */
  get isFull(): boolean {
    // It still needs a drain for the rest of the tick in which the kernel took everything.
    return this.#socket.writableNeedDrain && this.#socket.writableLength > 0;
  }

  /** Writes a head alone, or with what is at hand as text; latin1. */
  writeText(text: string): void {
    this.#socket.write(text, "latin1");
  }

  /** Writes a head and a piece of a body as one; its bytes are free again when nothing {@link holdsUp}. */
  write(text: string, bytes: Buffer, from: number, to: number, tail: string): void {
    const socket = this.#socket;
    if (to - from <= copyBytes) {
      const piece = to === from ? text : text + bytes.toString("latin1", from, to);
      socket.write(tail === "" ? piece : piece + tail, "latin1");
      return;
    }
    this.#borrows ||= !this.isGiven;
    socket.cork();
    if (text !== "") socket.write(text, "latin1");
    socket.write(bytes.subarray(from, to));
    if (tail !== "") socket.write(tail, "latin1");
    socket.uncork();
  }

  /** Calls back once nothing is pending; the newest callback only. */
  whenFlushed(callback: () => void): void {
    this.#flushed = callback;
    this.#socket.write(nothing, this.#onFlushed);
  }

  /**
   * Says that nothing more will be said.
   *
   * @param onLeft  Told when all of it has left, or never will.
   */
  end(onLeft?: () => void): void {
    if (!this.#socket.writableEnded) this.#socket.end(onLeft);
  }

  /**
   * Acts at once, or as soon as an end that is being sent is out: the system refuses to reset a connection in between,
   * and Node would never close it.
   */
  unlessEnding(act: () => void): void {
    const { writableEnded, writableFinished, writableLength } = this.#socket;
    if (writableEnded && !writableFinished && writableLength === 0)
      this.#socket.once("finish", act);
    else act();
  }

  #tellFlushed(): void {
    if (this.#socket.writableLength > 0 && !this.#socket.destroyed) {
      this.#socket.write(nothing, this.#onFlushed);
      return;
    }
    const callback = this.#flushed;
    this.#flushed = undefined;
    callback?.();
  }
}

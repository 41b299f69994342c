import { write, writeSync } from "node:fs";

import { mostWholeBytes, wholeLine } from "./whole-line.ts";

/** How long a line of the access log may wait for others to be written with it, in ms. */
const gatherMs = 20;
/** What is written at once: one write of this size costs little more than a small one. */
const largePieceBytes = 65_536;
/** How soon an output that is full for now is tried again, in ms. */
const fullMs = 10;
/** Lines that wait while the output takes nothing: further ones are dropped and counted. */
const mostWaitingBytes = 8_388_608;
/** How long the end of the process may be held up by an output that is full, in ms. */
const restMs = 1_000;

/**
 * Writes log lines to a file descriptor, many with one system call, and never holds the process up: a reader that
 * stands still must not stop requests. What it does not take in time is dropped; a line then says how much.
 *
 * Lines become bytes as they come: strings that wait would be carried through several collections of garbage. A
 * write goes on in a thread of its own, and the next one begins when it is done, so lines stay whole and in order.
 * At the exit of the process the rest is written synchronously, also after an exception that nobody caught. A
 * process that is killed loses what it had for {@link gatherMs}.
 */
export class LogOutput {
  readonly #fd: number;
  readonly #mostWaiting: number;
  readonly #isShared: boolean;
  readonly #pieceBytes: number;
  /** Where lines are put, and how much of it is in use. */
  #piece: Buffer;
  #length = 0;
  /** Pieces that are full, or that an output which is full for now did not take, in their order. */
  readonly #full: Buffer[] = [];
  /** A piece that was written, to be used again. */
  #spare: Buffer | undefined;
  #isWriting = false;
  #isRefused = false;
  #timer: NodeJS.Timeout | undefined;
  /** Of these no line has told yet. */
  #dropped = 0;
  #droppedTotal = 0;

  /**
   * @param options.mostWaiting  In bytes. Default 8 MiB.
   * @param options.shared  Whether other processes write there too. Then no write is longer than what a pipe
   *   takes in one piece, and longer lines are cut: see {@link wholeLine}. Default `false`.
   */
  constructor(
    fd: number,
    options: { readonly mostWaiting?: number; readonly shared?: boolean } = {},
  ) {
    this.#fd = fd;
    this.#mostWaiting = options.mostWaiting ?? mostWaitingBytes;
    this.#isShared = options.shared ?? false;
    this.#pieceBytes = this.#isShared ? mostWholeBytes : largePieceBytes;
    this.#piece = Buffer.allocUnsafeSlow(this.#pieceBytes);
  }

  /** How many lines were dropped since the process started. */
  get dropped(): number {
    return this.#droppedTotal;
  }

  /** Writes a line, its end included, as soon as the output takes it. */
  write(line: string): void {
    this.writeSoon(line);
    this.#next();
  }

  /** Writes a line, its end included, with those that come soon after. */
  writeSoon(line: string): void {
    if (!this.#put(line)) {
      this.#drop(1);
      return;
    }
    if (this.#full.length > 0) this.#next();
    else this.#timer ??= setTimeout(() => this.#due(), gatherMs).unref();
  }

  /** Writes what is left and returns when that is done: for the end of the process, where nothing else runs. */
  writeRest(): void {
    this.#tellDropped();
    this.#cut();
    const untilMs = performance.now() + restMs;
    // A piece that is on its way is written by its thread.
    for (const piece of this.#full.splice(0)) {
      for (let from = 0; from < piece.length;) {
        try {
          from += writeSync(this.#fd, piece, from);
        } catch (error) {
          const isFull = (error as NodeJS.ErrnoException).code === "EAGAIN";
          if (!isFull || performance.now() > untilMs) return;
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fullMs);
        }
      }
    }
  }

  /** Whether the line has room. */
  #put(given: string): boolean {
    const line = this.#isShared ? wholeLine(given) : given;
    // A character takes three bytes at most, for one outside the BMP counts as two.
    const most = this.#isShared ? Buffer.byteLength(line) : line.length * 3;
    if (this.#length + most > this.#piece.length) {
      if (this.#full.length * this.#pieceBytes + most > this.#mostWaiting) return false;
      this.#cut();
      if (most > this.#piece.length) this.#piece = Buffer.allocUnsafeSlow(most);
    }
    this.#length += this.#piece.write(line, this.#length);
    return true;
  }

  /** The lines that are there become a piece to be written. */
  #cut(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#length === 0) return;
    this.#full.push(this.#piece.subarray(0, this.#length));
    this.#piece = this.#spare ?? Buffer.allocUnsafeSlow(this.#pieceBytes);
    this.#spare = undefined;
    this.#length = 0;
  }

  #drop(lines: number): void {
    this.#dropped += lines;
    this.#droppedTotal += lines;
  }

  #tellDropped(): void {
    if (this.#dropped > 0 && this.#put(droppedLine(this.#dropped))) this.#dropped = 0;
  }

  #due(): void {
    this.#timer = undefined;
    this.#next();
  }

  #next(): void {
    if (this.#isWriting || this.#isRefused) return;
    if (this.#full.length === 0) this.#cut();
    const piece = this.#full.shift();
    if (piece !== undefined) this.#write(piece);
  }

  #write(piece: Buffer): void {
    this.#isWriting = true;
    write(this.#fd, piece, 0, piece.length, null, (error, written) => {
      this.#isWriting = false;
      if (error === null) {
        if (written < piece.length) this.#write(piece.subarray(written));
        else this.#written(piece);
      } else if (error.code === "EAGAIN") {
        this.#full.unshift(piece);
        this.#isRefused = true;
        setTimeout(() => this.#again(), fullMs).unref();
      } else {
        // The disk is full, or the reader is gone; what comes later may have more luck.
        this.#drop(linesIn(piece));
        if (this.#full.length > 0) this.#next();
      }
    });
  }

  #written(piece: Buffer): void {
    if (piece.buffer.byteLength === this.#pieceBytes) this.#spare = Buffer.from(piece.buffer);
    this.#tellDropped();
    // Lines that came meanwhile have waited long enough, or have their timer still.
    if (this.#full.length > 0 || this.#timer === undefined) this.#next();
  }

  #again(): void {
    this.#isRefused = false;
    this.#next();
  }
}

function droppedLine(dropped: number): string {
  const time = new Date().toISOString();
  const msg = "log lines dropped, the output did not take them";
  return `${JSON.stringify({ level: "warn", time, dropped, msg })}\n`;
}

function linesIn(bytes: Buffer): number {
  let lines = 0;
  for (const byte of bytes) if (byte === 0x0a) lines += 1;
  return lines;
}

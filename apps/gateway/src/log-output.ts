import { write, writeSync } from "node:fs";

/** How long a line of the access log may wait for others to be written with it, in ms. */
const gatherMs = 20;
/** From here on it is not worth waiting: one write of this size costs little more than a small one. */
const gatherChars = 65_536;
/** How soon an output that is full for now is tried again, in ms. */
const fullMs = 10;
/** Lines that wait while the output takes nothing, in characters: further ones are dropped and counted. */
const mostWaitingChars = 8_388_608;
/** How long the end of the process may be held up by an output that is full, in ms. */
const restMs = 1_000;

const nothing = Buffer.alloc(0);

/**
 * Writes log lines to a file descriptor, many with one system call, and never holds the process up: a reader that
 * stands still must not stop requests. What it does not take in time is dropped; a line then says how much.
 *
 * A write goes on in a thread of its own, and the next one begins when it is done, so lines stay whole and in
 * order. At the exit of the process the rest is written synchronously, also after an exception that nobody
 * caught. A process that is killed loses what it had for {@link gatherMs}.
 */
export class LogOutput {
  readonly #fd: number;
  readonly #mostWaiting: number;
  #waiting = "";
  #timer: NodeJS.Timeout | undefined;
  #isWriting = false;
  /** What an output that is full for now did not take. */
  #refused: Buffer = nothing;
  #dropped = 0;

  /** @param bounds.mostWaiting  Default {@link mostWaitingChars}. */
  constructor(fd: number, bounds: { readonly mostWaiting?: number } = {}) {
    this.#fd = fd;
    this.#mostWaiting = bounds.mostWaiting ?? mostWaitingChars;
  }

  /** Writes a line, its end included, as soon as the output takes it. */
  write(line: string): void {
    this.writeSoon(line);
    this.#next();
  }

  /** Writes a line, its end included, with those that come soon after. */
  writeSoon(line: string): void {
    if (this.#waiting.length + line.length > this.#mostWaiting) {
      this.#dropped += 1;
      return;
    }
    this.#waiting += line;
    if (this.#waiting.length >= gatherChars) this.#next();
    else this.#timer ??= setTimeout(() => this.#due(), gatherMs).unref();
  }

  /** Writes what is left and returns when that is done: for the end of the process, where nothing else runs. */
  writeRest(): void {
    const rest = Buffer.concat([this.#refused, this.#take()]);
    this.#refused = nothing;
    const untilMs = performance.now() + restMs;
    for (let from = 0; from < rest.length;) {
      try {
        from += writeSync(this.#fd, rest, from);
      } catch (error) {
        const isFull = (error as NodeJS.ErrnoException).code === "EAGAIN";
        if (!isFull || performance.now() > untilMs) return;
        Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, fullMs);
      }
    }
  }

  #due(): void {
    this.#timer = undefined;
    this.#next();
  }

  #next(): void {
    if (this.#isWriting || this.#refused.length > 0) return;
    const bytes = this.#take();
    if (bytes.length > 0) this.#write(bytes);
  }

  /** Everything that waits, and before it how much was dropped. */
  #take(): Buffer {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    const text = this.#dropped === 0 ? this.#waiting : droppedLine(this.#dropped) + this.#waiting;
    this.#waiting = "";
    this.#dropped = 0;
    return Buffer.from(text);
  }

  #write(bytes: Buffer): void {
    this.#isWriting = true;
    write(this.#fd, bytes, 0, bytes.length, null, (error, written) => {
      this.#isWriting = false;
      if (error === null) {
        if (written < bytes.length) this.#write(bytes.subarray(written));
        // Lines that came meanwhile have waited long enough, or have their timer still.
        else if (this.#timer === undefined) this.#next();
      } else if (error.code === "EAGAIN") {
        this.#refused = bytes;
        setTimeout(() => this.#again(), fullMs).unref();
      } else {
        // The disk is full, or the reader is gone; what comes later may have more luck.
        this.#dropped += linesIn(bytes);
      }
    });
  }

  #again(): void {
    const bytes = this.#refused;
    this.#refused = nothing;
    if (bytes.length > 0) this.#write(bytes);
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

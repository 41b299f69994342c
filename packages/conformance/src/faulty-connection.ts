import { connect, type Socket } from "node:net";

/** Where a connection forwards to. */
export interface FaultTarget {
  readonly host: string;
  readonly port: number;
}

/** How a connection treats its bytes. */
export type FaultMode = "pass" | "refuse" | "stall" | "halfOpen";

/** Bytes a direction holds back before it stops reading from its source. */
const maxHeldBytes = 1_048_576;

/** One client connection and its other half towards the target. */
export class FaultyConnection {
  readonly #client: Socket;
  readonly #upstream: Socket;
  readonly #up: Direction;
  readonly #down: Direction;
  readonly #onClosed: () => void;
  #deaf = false;
  #gone = false;

  constructor(client: Socket, target: FaultTarget, onClosed: () => void) {
    this.#client = client;
    this.#onClosed = onClosed;
    this.#upstream = connect({ ...target, allowHalfOpen: true, noDelay: true });
    this.#up = new Direction(client, this.#upstream);
    this.#down = new Direction(this.#upstream, client);
    for (const socket of [client, this.#upstream]) {
      // A reset is an ordinary event here; `close` follows it.
      socket.on("error", () => undefined);
      socket.once("close", () => this.#closed());
    }
    client.once("end", () => {
      // Who hangs up while nothing passes takes what was said along: it never reached the network.
      if (this.#up.stalled && !this.#deaf) this.reset();
    });
    for (const socket of [client, this.#upstream]) {
      // A half that was given up by its peer goes; the other half must not learn of it.
      socket.once("end", () => {
        if (this.#deaf) socket.destroy();
      });
    }
  }

  get hasClient(): boolean {
    return !this.#client.closed;
  }

  become(mode: FaultMode, latencyMs: number): void {
    if (mode === "halfOpen") this.#deaf = true;
    const stalled = mode === "stall";
    for (const direction of [this.#up, this.#down]) {
      direction.become({ stalled, deaf: this.#deaf, latencyMs });
    }
  }

  /** Ends both halves with a RST. */
  reset(): void {
    this.#gone = true;
    this.#up.stop();
    this.#down.stop();
    this.#client.resetAndDestroy();
    // A socket that is still connecting cannot be reset.
    if (this.#upstream.connecting) this.#upstream.destroy();
    else this.#upstream.resetAndDestroy();
  }

  #closed(): void {
    if (this.#client.closed && this.#upstream.closed) {
      this.#onClosed();
    } else if (!this.#deaf && !this.#gone) {
      const clean = !(this.#client.closed ? this.#client : this.#upstream).errored;
      // After a clean end the other half still has bytes to deliver; `end` follows them.
      if (!clean) this.reset();
    }
  }
}

/** Carries bytes from one socket to the other, late or not at all. */
class Direction {
  readonly #from: Socket;
  readonly #to: Socket;
  readonly #held: { readonly chunk: Buffer; readonly dueMs: number }[] = [];
  #heldBytes = 0;
  #ended = false;
  #deaf = false;
  #latencyMs = 0;
  #timer: NodeJS.Timeout | undefined;
  #stalled = false;

  constructor(from: Socket, to: Socket) {
    this.#from = from;
    this.#to = to;
    from.on("data", (chunk: Buffer) => this.#received(chunk));
    from.once("end", () => {
      this.#ended = true;
      this.#flush();
    });
    to.on("drain", () => this.#flush());
  }

  get stalled(): boolean {
    return this.#stalled;
  }

  become(state: {
    readonly stalled: boolean;
    readonly deaf: boolean;
    readonly latencyMs: number;
  }): void {
    this.#stalled = state.stalled;
    this.#deaf = state.deaf;
    this.#latencyMs = state.latencyMs;
    if (this.#deaf) this.#forget();
    this.#flush();
  }

  stop(): void {
    clearTimeout(this.#timer);
    this.#forget();
  }

  #received(chunk: Buffer): void {
    if (this.#deaf) return;
    this.#held.push({ chunk, dueMs: performance.now() + this.#latencyMs });
    this.#heldBytes += chunk.length;
    this.#flush();
    if (this.#heldBytes > maxHeldBytes) this.#from.pause();
  }

  /** Passes on what is due, in order, as far as the receiver takes it. */
  #flush(): void {
    clearTimeout(this.#timer);
    if (this.#stalled || this.#deaf || this.#to.destroyed) return;
    for (;;) {
      const next = this.#held[0];
      if (next === undefined) break;
      const waitMs = next.dueMs - performance.now();
      if (waitMs > 0) {
        this.#timer = setTimeout(() => this.#flush(), waitMs);
        return;
      }
      if (this.#to.writableNeedDrain) return;
      this.#held.shift();
      this.#heldBytes -= next.chunk.length;
      this.#to.write(next.chunk);
    }
    if (this.#from.isPaused()) this.#from.resume();
    if (this.#ended && !this.#to.writableEnded) this.#to.end();
  }

  #forget(): void {
    this.#held.length = 0;
    this.#heldBytes = 0;
    if (this.#from.isPaused()) this.#from.resume();
  }
}

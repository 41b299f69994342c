import type { Socket } from "node:net";

import type { BodyFraming } from "../http1/body-framing.ts";
import { HeadBuffer } from "../http1/head-buffer.ts";
import { COMPLETE, INCOMPLETE } from "../http1/verdict.ts";
import type { ResponseScan } from "../http1/response-scan.ts";
import type { NodeTunnel, NodeUser } from "./node-user.ts";

/** What connections need from the engine, shared by all of them. */
export interface NodeParts {
  /** One for all: everything is synchronous. */
  readonly scan: ResponseScan;
  readonly newFraming: () => BodyFraming;
  readonly maxInformational: number;
  readonly maxHeadBytes: number;
}

type Phase = "connecting" | "idle" | "head" | "body" | "tunnel" | "closed";

/** A connection to a node, and the reading of what comes over it. */
export class NodeConnection {
  readonly #parts: NodeParts;
  readonly #framing: BodyFraming;
  readonly #onIdleClosed: (connection: NodeConnection) => void;
  #socket: Socket | undefined;
  #phase: Phase = "connecting";
  #user: NodeUser | undefined;
  #tunnel: NodeTunnel | undefined;
  /** A head that is not whole yet. */
  #partial: HeadBuffer | undefined;
  #informational = 0;
  /** Whether any byte of the answer to the present request came. */
  #heard = false;
  /** Whether it has carried a request before. */
  reused = false;
  /** Whether its end could also be that of a connection somebody cut: an answer must not end with it. */
  readonly endIsDoubtful: boolean;
  /** Whether the bytes it hands over are not used again. */
  readonly givesAway: boolean;
  /** When it became idle, and when it is to be given up, on the monotonic clock. */
  idleSinceMs = 0;
  idleUntilMs = 0;

  /** @param onIdleClosed  Told when it closes while nobody uses it. */
  constructor(
    parts: NodeParts,
    secure: boolean,
    endIsDoubtful: boolean,
    onIdleClosed: (connection: NodeConnection) => void,
  ) {
    this.#parts = parts;
    this.endIsDoubtful = endIsDoubtful;
    this.givesAway = secure;
    this.#framing = parts.newFraming();
    this.#onIdleClosed = onIdleClosed;
  }

  /** @param readyEvent  `connect`, or `secureConnect`. */
  open(socket: Socket, readyEvent: "connect" | "secureConnect", user: NodeUser): void {
    this.#socket = socket;
    this.#user = user;
    socket.once(readyEvent, () => {
      if (this.#phase !== "connecting") return;
      this.#phase = "head";
      this.#user?.nodeConnected();
    });
    socket.on("drain", () => (this.#tunnel ?? this.#user)?.nodeDrained());
    socket.on("end", () => this.#ended());
    let why: string | undefined;
    // The first one tells why: how the connection then ended follows from it.
    socket.on("error", (error: NodeJS.ErrnoException) => (why ??= error.code ?? error.name));
    socket.on("close", () => this.#lose(why ?? "the connection closed"));
  }

  get isUsable(): boolean {
    return this.#phase === "idle";
  }

  /** Takes it from the idle ones. */
  use(user: NodeUser): void {
    this.#user = user;
    this.#phase = "head";
    this.#heard = false;
    this.#informational = 0;
    this.reused = true;
  }

  /** Nobody uses it any more, and the next one may. */
  release(): void {
    this.#user = undefined;
    this.#phase = "idle";
  }

  /** Whether more is waiting to leave than the socket holds gladly. */
  get isFull(): boolean {
    const socket = this.#socket;
    // It still needs a drain for the rest of the tick in which the kernel took everything.
    return socket !== undefined && socket.writableNeedDrain && socket.writableLength > 0;
  }

  /** Bytes that have not left yet. */
  get pendingBytes(): number {
    return this.#socket?.writableLength ?? 0;
  }

  writeText(text: string): void {
    this.#socket?.write(text, "latin1");
  }

  /** Writes bytes that the caller will not touch again. */
  writeBytes(bytes: Buffer): void {
    this.#socket?.write(bytes);
  }

  /** Writes both as one, the bytes being the caller's own. */
  writeBoth(text: string, bytes: Buffer): void {
    const socket = this.#socket;
    if (socket === undefined) return;
    socket.cork();
    socket.write(text, "latin1");
    socket.write(bytes);
    socket.uncork();
  }

  /** Says that nothing more will be said; the node may go on. */
  endHalf(): void {
    const socket = this.#socket;
    if (socket !== undefined && !socket.writableEnded) socket.end();
  }

  pause(): void {
    this.#socket?.pause();
  }

  resume(): void {
    this.#socket?.resume();
  }

  /** Closes it at once; its user hears nothing more. */
  destroy(): void {
    this.#user = undefined;
    this.#tunnel = undefined;
    this.#phase = "closed";
    this.#socket?.destroy();
  }

  /** Called with every read. */
  onBytes(bytes: Buffer, length: number): void {
    switch (this.#phase) {
      case "head":
        this.#heard = true;
        this.#head(bytes, 0, length);
        return;
      case "body":
        this.#body(bytes, 0, length);
        return;
      case "tunnel":
        this.#tunnel?.nodeBytes(bytes, 0, length);
        return;
      case "idle":
        // An answer nobody asked for: whoever came next would take it for his own.
        this.#lose("bytes on an idle connection");
        return;
      case "connecting":
      case "closed":
    }
  }

  #head(received: Buffer, from: number, to: number): void {
    let bytes = received;
    let at = from;
    let end = to;
    const partial = this.#partial;
    if (partial !== undefined) {
      partial.add(received, from, to);
      if (!partial.mayBeWhole) return;
      bytes = partial.take();
      this.#partial = undefined;
      at = 0;
      end = bytes.length;
    }
    const { scan } = this.#parts;
    while (this.#phase === "head" && this.#user !== undefined) {
      const verdict = at === end ? INCOMPLETE : scan.scan(bytes, at, end);
      if (verdict === INCOMPLETE) {
        if (at < end) {
          this.#partial = new HeadBuffer(this.#parts.maxHeadBytes);
          this.#partial.add(bytes, at, end);
        }
        return;
      }
      if (verdict !== COMPLETE) {
        this.#lose(`the answer is malformed: ${scan.fault}`);
        return;
      }
      at = scan.end;
      if (scan.status >= 200) {
        this.#phase = "body";
        this.#user.nodeAnswered(scan, bytes, this.#framing);
        this.#body(bytes, at, end);
        return;
      }
      if (scan.status === 101) {
        this.#tunnel = this.#user.nodeSwitched(scan, bytes);
        if (this.#tunnel === undefined) {
          this.#lose("the node switched protocols unasked");
          return;
        }
        this.#phase = "tunnel";
        if (at < end) this.#tunnel.nodeBytes(bytes, at, end);
        return;
      }
      this.#informational += 1;
      if (this.#informational > this.#parts.maxInformational) {
        this.#lose("too many interim answers");
        return;
      }
      this.#user.nodeInformed(scan, bytes);
    }
  }

  #body(bytes: Buffer, from: number, to: number): void {
    this.#user?.nodeBody(bytes, from, to, this.#framing);
  }

  #ended(): void {
    const user = this.#user;
    if (this.#tunnel !== undefined) {
      this.#tunnel.nodeEnded();
      return;
    }
    if (this.#phase === "body" && this.#framing.isUntilClose && user !== undefined) {
      // The only framing whose end is the connection's.
      this.#framing.none();
      user.nodeBody(nothing, 0, 0, this.#framing);
      return;
    }
    this.#lose("the connection closed");
  }

  #lose(detail: string): void {
    const wasIdle = this.#phase === "idle";
    const user = this.#user;
    const tunnel = this.#tunnel;
    this.destroy();
    if (tunnel !== undefined) tunnel.nodeLost();
    else user?.nodeLost({ detail, heard: this.#heard });
    if (wasIdle) this.#onIdleClosed(this);
  }
}

const nothing = Buffer.alloc(0);

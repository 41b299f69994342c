import type { Socket } from "node:net";
import { Duplex } from "node:stream";
import type { TLSSocket } from "node:tls";

/**
 * Carries TLS over a TCP connection in a way that shows how it ends.
 *
 * `node:tls` tells the end of the TCP connection and the end that the other side announced (close_notify,
 * RFC 8446 §6.1) alike, so that whoever can cut the connection could shorten an answer whose end is the
 * connection's. Here the end of the TCP connection is kept from it: an end it tells was announced. It costs
 * some 10 µs per request, which is why not every connection is like this.
 */
export class WatchedTransport extends Duplex {
  readonly #socket: Socket;
  #ended = false;

  /** @param socket  Connected. */
  constructor(socket: Socket) {
    super({ allowHalfOpen: true });
    this.#socket = socket;
    // Whoever speaks TLS over it hears of it; after that, nobody is left who would.
    this.on("error", () => undefined);
    socket.on("data", (bytes) => {
      if (!this.push(bytes)) socket.pause();
    });
    socket.once("end", () => {
      this.#ended = true;
      this.emit("ended");
    });
    socket.on("error", (error) => this.destroy(error));
    socket.once("close", () => {
      if (!this.#ended) this.destroy();
    });
  }

  /** Ends `secure` with an error once all is read of it, if the end was not announced. */
  watch(secure: TLSSocket): void {
    const settle = (): void => {
      if (secure.readableEnded || secure.destroyed) return;
      if (secure.isPaused()) {
        secure.once("resume", () => setImmediate(settle));
      } else if (secure.readableLength > 0 || this.readableLength > 0) {
        setImmediate(settle);
      } else {
        const error = new Error("the connection ended without close_notify");
        secure.destroy(Object.assign(error, { code: "ERR_TLS_TRUNCATED" }));
      }
    };
    // It is told only of connections that stand.
    secure.once("close", () => this.destroy());
    if (this.#ended) setImmediate(settle);
    else this.once("ended", () => setImmediate(settle));
  }

  override _read(): void {
    this.#socket.resume();
  }

  override _write(bytes: Buffer, _: BufferEncoding, done: (error?: Error | null) => void): void {
    this.#socket.write(bytes, done);
  }

  override _final(done: (error?: Error | null) => void): void {
    this.#socket.end(done);
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#socket.destroy();
    done(error);
  }
}

import { Socket } from "node:net";

/** Called with the bytes that arrived; they are valid until it returns. */
export type OnBytes = (bytes: Buffer, length: number) => void;

const bufferBytes = 65_536;

/**
 * Makes accepted sockets read into one buffer that all of them share, instead of a new one per read.
 *
 * Node documents `onread` for sockets that connect, not for those that a server accepts. So the accepted
 * socket's handle is given to a new socket: the one step in this package that is not documented. Where it
 * is not possible, sockets read the documented way, at a price (`pnpm bench proxy` shows it).
 */
export class SharedReads {
  readonly #buffer = Buffer.allocUnsafeSlow(bufferBytes);
  readonly #poison: boolean;
  readonly enabled: boolean;

  /**
   * @param mode  `public`: documented API only.
   * @param poison  Overwrites the buffer after each read, so that a use of it that comes too late shows.
   */
  constructor(mode: "shared" | "public", poison = false) {
    this.enabled = mode === "shared";
    this.#poison = poison;
  }

  /** Starts reading; returns the socket to go on with. */
  adopt(accepted: Socket, onBytes: OnBytes): Socket {
    const socket = this.enabled ? this.#rewrap(accepted, onBytes) : undefined;
    return socket ?? this.listen(accepted, onBytes);
  }

  /** Starts reading the documented way: what TLS needs, for there a read is not the socket's. */
  listen(socket: Socket, onBytes: OnBytes): Socket {
    socket.on("data", (bytes: Buffer) => {
      onBytes(bytes, bytes.length);
      if (this.#poison) bytes.fill(0xdd);
    });
    return socket;
  }

  #rewrap(accepted: Socket, onBytes: OnBytes): Socket | undefined {
    const owner = accepted as unknown as { _handle: object | null };
    const handle = owner._handle;
    if (handle === null || typeof handle !== "object") return undefined;
    owner._handle = null;
    const options = {
      handle,
      allowHalfOpen: true,
      onread: {
        buffer: this.#buffer,
        callback: (length: number, bytes: Buffer): boolean => {
          onBytes(bytes, length);
          if (this.#poison) bytes.fill(0xdd, 0, length);
          return true;
        },
      },
    };
    const socket = new Socket(options as unknown as ConstructorParameters<typeof Socket>[0]);
    // It gave its handle away; this only makes the server count right.
    accepted.destroy();
    return socket;
  }
}

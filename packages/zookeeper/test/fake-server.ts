import { once } from "node:events";
import { type AddressInfo, createServer, type Socket } from "node:net";

import { FrameSplitter } from "../src/client/frame-splitter.ts";
import { JuteReader, JuteWriter } from "../src/client/jute.ts";

/** What a client presented of its session. */
export interface Greeting {
  readonly zxid: bigint;
  readonly timeoutMs: number;
  readonly sessionId: bigint;
}

/** One connection of a client. */
export interface FakeConnection {
  readonly socket: Socket;
  readonly greeting: Greeting;
  /** Answers a request with an error code and a body. */
  answer(xid: number, error?: number, body?: (out: JuteWriter) => void): void;
}

/** What the server says; whatever is left out is what a real one would say to a healthy client. */
export interface FakeScript {
  /** Instead of granting a session. */
  readonly greet?: ((connection: FakeConnection) => void) | undefined;
  /** To every request but pings. Default: an empty success. */
  readonly request?:
    | ((request: { xid: number; type: number; path: string }, connection: FakeConnection) => void)
    | undefined;
  /** To pings. Default: an answer. */
  readonly ping?: ((connection: FakeConnection) => void) | undefined;
}

/** A running {@link fakeServer}. */
export interface FakeServer extends AsyncDisposable {
  readonly port: number;
  readonly greetings: readonly Greeting[];
  readonly pings: number;
}

/** Operation codes the tests tell apart. */
export const op = { getData: 4, getChildren: 8, ping: 11, addWatch: 106 } as const;

/** A fake, for what no real server can be made to say: it speaks just enough to be greeted. */
export async function fakeServer(script: FakeScript = {}): Promise<FakeServer> {
  const greetings: Greeting[] = [];
  const sockets = new Set<Socket>();
  let pings = 0;
  const server = createServer((socket) => {
    sockets.add(socket);
    socket.on("error", () => undefined);
    socket.on("close", () => sockets.delete(socket));
    const splitter = new FrameSplitter(2 ** 20);
    let connection: FakeConnection | undefined;
    socket.on("data", (piece: Buffer) => {
      for (const frame of splitter.push(piece)) {
        const reader = new JuteReader(Buffer.from(frame));
        if (connection === undefined) {
          connection = greeted(socket, reader);
          greetings.push(connection.greeting);
          (script.greet ?? grant)(connection);
          continue;
        }
        const xid = reader.int();
        const type = reader.int();
        if (type === op.ping) {
          pings += 1;
          if (script.ping === undefined) connection.answer(xid);
          else script.ping(connection);
          continue;
        }
        const path = reader.left >= 4 && type > 0 ? reader.text() : "";
        if (script.request === undefined) connection.answer(xid);
        else script.request({ xid, type, path }, connection);
      }
    });
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    port: (server.address() as AddressInfo).port,
    greetings,
    get pings() {
      return pings;
    },
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.close();
      await once(server, "close");
    },
  };
}

/** Grants the session that was asked for, or number 7. */
export function grant({ socket, greeting }: FakeConnection): void {
  const id = greeting.sessionId === 0n ? 7n : greeting.sessionId;
  const hello = new JuteWriter().int(0).int(greeting.timeoutMs).long(id);
  socket.write(hello.bytes(Buffer.alloc(16, 1)).bool(false).frame());
}

function greeted(socket: Socket, reader: JuteReader): FakeConnection {
  reader.skip(4);
  const [zxid, timeoutMs, sessionId] = [reader.long(), reader.int(), reader.long()];
  return {
    socket,
    greeting: { zxid, timeoutMs, sessionId },
    answer(xid, error = 0, body) {
      const out = new JuteWriter().int(xid).long(42n).int(error);
      body?.(out);
      socket.write(out.frame());
    },
  };
}

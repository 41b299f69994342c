import {
  createServer,
  type Http2Server,
  type ServerHttp2Session,
  type ServerHttp2Stream,
} from "node:http2";
import type { AddressInfo } from "node:net";

import { frame, FrameSplitter } from "../src/message-frames.ts";
import { bytesField, FieldReader, message, messageField, varintField } from "../src/protobuf.ts";

/** How a fake server answers one stream. */
export interface FakeExchange {
  readonly path: string;
  readonly headers: Readonly<Record<string, unknown>>;
  readonly stream: ServerHttp2Stream;
  /** Begins the answer, with gRPC's headers. */
  open(): void;
  send(bytes: Uint8Array): void;
  /** Bytes as they are. */
  sendRaw(bytes: Uint8Array): void;
  end(code?: number, details?: string): void;
}

/** Called with each message of each stream. */
export type FakeHandler = (exchange: FakeExchange, bytes: Buffer) => void;

/** A server that speaks gRPC and says what a test wants: for what no real etcd can be made to say. */
export interface FakeEtcd extends AsyncDisposable {
  readonly host: string;
  handle: FakeHandler;
  readonly sessions: ReadonlySet<ServerHttp2Session>;
  /** Paths of the streams so far. */
  readonly calls: readonly string[];
}

export async function startFake(handle: FakeHandler): Promise<FakeEtcd> {
  const sessions = new Set<ServerHttp2Session>();
  const calls: string[] = [];
  const server: Http2Server = createServer();
  server.on("session", (session) => {
    sessions.add(session);
    session.on("error", () => undefined);
    session.once("close", () => sessions.delete(session));
  });
  const fake = {
    host: "",
    handle,
    sessions,
    calls,
    async [Symbol.asyncDispose]() {
      for (const session of sessions) session.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
  server.on("stream", (stream, headers) => {
    const path = String(headers[":path"]);
    calls.push(path);
    const splitter = new FrameSplitter(1_048_576);
    let trailers: Record<string, string> = {};
    const exchange: FakeExchange = {
      path,
      headers,
      stream,
      open() {
        if (stream.headersSent || stream.destroyed) return;
        stream.respond(
          { ":status": 200, "content-type": "application/grpc" },
          { waitForTrailers: true },
        );
        stream.once("wantTrailers", () => stream.sendTrailers(trailers));
      },
      send(bytes) {
        exchange.open();
        if (!stream.destroyed) stream.write(frame(bytes));
      },
      sendRaw(bytes) {
        exchange.open();
        if (!stream.destroyed) stream.write(bytes);
      },
      end(code = 0, details = "") {
        exchange.open();
        trailers = { "grpc-status": String(code), "grpc-message": encodeURIComponent(details) };
        if (!stream.destroyed) stream.end();
      },
    };
    stream.on("error", () => undefined);
    stream.on("data", (chunk: Buffer) => {
      for (const bytes of splitter.push(chunk)) fake.handle(exchange, bytes);
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  fake.host = `127.0.0.1:${(server.address() as AddressInfo).port}`;
  return fake;
}

/** The id in a request for a watch; undefined when the message asks for something else. */
export function watchIdOf(bytes: Buffer): number | undefined {
  const reader = new FieldReader(bytes);
  if (reader.next() !== 1) return undefined;
  const create = new FieldReader(reader.bytes());
  for (let field = create.next(); field !== 0; field = create.next()) {
    if (field === 7) return create.number();
  }
  return undefined;
}

/** The start of every answer. */
export function header(revision: number, clusterId = 7): Buffer {
  return messageField(1, message(varintField(1, clusterId), varintField(3, revision)));
}

export function keyValue(key: string, value: string, modRevision = 1): Buffer {
  return message(bytesField(1, key), varintField(3, modRevision), bytesField(5, value));
}

export function rangeAnswer(
  revision: number,
  kvs: readonly Buffer[],
  { more = false, clusterId = 7 }: { readonly more?: boolean; readonly clusterId?: number } = {},
): Buffer {
  return message(
    header(revision, clusterId),
    ...kvs.map((kv) => messageField(2, kv)),
    varintField(3, more),
  );
}

/** Fields of a watch answer, by their names in etcd's API. */
export function watchAnswer(fields: {
  readonly revision?: number;
  readonly clusterId?: number;
  readonly watchId: number;
  readonly created?: boolean;
  readonly canceled?: boolean;
  readonly compactRevision?: number;
  readonly cancelReason?: string;
  readonly fragment?: boolean;
  readonly puts?: readonly Buffer[];
}): Buffer {
  return message(
    header(fields.revision ?? 1, fields.clusterId),
    varintField(2, fields.watchId),
    varintField(3, fields.created ?? false),
    varintField(4, fields.canceled ?? false),
    varintField(5, fields.compactRevision ?? 0),
    bytesField(6, fields.cancelReason ?? ""),
    varintField(7, fields.fragment ?? false),
    ...(fields.puts ?? []).map((kv) => messageField(11, messageField(2, kv))),
  );
}

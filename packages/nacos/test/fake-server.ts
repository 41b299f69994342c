import { once } from "node:events";
import { createServer, type Http2Server, type ServerHttp2Stream } from "node:http2";
import type { AddressInfo, Socket } from "node:net";

import { frame, FrameReader } from "../src/grpc-frames.ts";
import { decodePayload, encodePayload } from "../src/payload.ts";

type Json = Readonly<Record<string, unknown>>;

/** What the server was told, in order. */
export interface Heard {
  readonly type: string;
  readonly body: Json;
  /** Counts connections, from 1. */
  readonly connection: number;
}

/** An answer to a request: its type and body, bytes to send as they are, or silence. */
export type Answer = readonly [type: string, body: Json] | Buffer | undefined;

/**
 * A server that speaks the gRPC side of Nacos and does what a real one cannot be made to: lose pushes, say
 * nonsense, keep silent. Answers what a good server would unless told otherwise.
 */
export interface FakeServer extends AsyncDisposable {
  readonly url: string;
  readonly heard: readonly Heard[];
  /** Connections that set up so far. */
  readonly connections: number;
  /** Hosts of every service, for queries and subscriptions; what was registered is listed beside them. */
  hosts: unknown;
  lastRefTime: number;
  /** Answers one type of request from now on; undefined is silence. */
  answer(type: string, respond: (body: Json) => Answer): void;
  /** Says something on the stream of the newest connection. */
  say(type: string, body: Json): void;
  sayBytes(bytes: Buffer): void;
  /** A push about a service. */
  push(service: string, hosts: unknown, lastRefTime: number): void;
  /** How often a type was heard. */
  count(type: string): number;
  /** Ends every connection. */
  cut(): void;
}

/** Starts it on a free port, where it serves gRPC: use it with `grpcPortOffset: 0`. */
export async function startFakeServer(): Promise<FakeServer> {
  const heard: Heard[] = [];
  const answers = new Map<string, (body: Json) => Answer>();
  const sockets = new Map<Socket, number>();
  let stream: ServerHttp2Stream | undefined;
  let connections = 0;
  let requests = 0;
  let registered: readonly unknown[] = [];
  const server: Http2Server = createServer();
  server.on("connection", (socket: Socket) => {
    sockets.set(socket, sockets.size + 1);
    socket.on("error", () => undefined);
  });
  server.on("sessionError", () => undefined);
  server.on("stream", (one: ServerHttp2Stream, headers) => {
    one.on("error", () => undefined);
    const isUnary = headers[":path"] === "/Request/request";
    one.respond(
      { ":status": 200, "content-type": "application/grpc" },
      { waitForTrailers: isUnary },
    );
    one.on("wantTrailers", () => one.sendTrailers({ "grpc-status": "0" }));
    if (!isUnary) {
      stream = one;
      connections += 1;
    }
    const connection = connections + (isUnary && connections === 0 ? 1 : 0);
    const reader = new FrameReader(2 ** 24);
    one.on("data", (chunk: Buffer) => {
      for (const message of reader.push(chunk)) {
        const { type, body } = decodePayload(message);
        const json = JSON.parse(body.toString("utf8")) as Json;
        heard.push({ type, body: json, connection });
        if (!isUnary) {
          if (type === "ConnectionSetupRequest" && !answers.has(type)) {
            fake.say("SetupAckRequest", {
              abilityTable: { supportPersistentInstanceByGrpc: true },
            });
          }
          continue;
        }
        const respond = answers.get(type);
        const answer = respond === undefined ? usual(type, json) : respond(json);
        if (Buffer.isBuffer(answer)) one.end(answer);
        else if (answer !== undefined)
          one.end(frame(encodePayload({ type: answer[0], body: JSON.stringify(answer[1]) })));
      }
    });
  });
  const usual = (type: string, body: Json): Answer => {
    const ok = { resultCode: 200, errorCode: 0 };
    if (type === "InstanceRequest") {
      registered = body["type"] === "registerInstance" ? [body["instance"]] : [];
    } else if (type === "BatchInstanceRequest") {
      registered = body["instances"] as unknown[];
    }
    const { hosts, lastRefTime } = fake;
    const serviceInfo = {
      hosts: Array.isArray(hosts) ? [...(hosts as unknown[]), ...registered] : hosts,
      lastRefTime,
    };
    switch (type) {
      case "ServerCheckRequest":
        return [
          "ServerCheckResponse",
          { ...ok, connectionId: "1", supportAbilityNegotiation: true },
        ];
      case "ServiceQueryRequest":
        return ["QueryServiceResponse", { ...ok, serviceInfo }];
      case "SubscribeServiceRequest":
        return ["SubscribeServiceResponse", { ...ok, serviceInfo }];
      case "ServiceListRequest":
        return ["ServiceListResponse", { ...ok, count: 1, serviceNames: ["orders"] }];
      default:
        return [type.replace("Request", "Response"), ok];
    }
  };
  const fake: FakeServer = {
    url: "",
    heard,
    get connections() {
      return connections;
    },
    hosts: [],
    lastRefTime: 1,
    answer: (type, respond) => void answers.set(type, respond),
    say(type, body) {
      requests += 1;
      const json = JSON.stringify({ requestId: `s${requests}`, ...body });
      fake.sayBytes(frame(encodePayload({ type, body: json })));
    },
    sayBytes: (bytes) => void stream?.write(bytes),
    push(service, hosts, lastRefTime) {
      const serviceInfo = { name: service, groupName: "DEFAULT_GROUP", hosts, lastRefTime };
      fake.say("NotifySubscriberRequest", { serviceInfo });
    },
    count: (type) => heard.filter((one) => one.type === type).length,
    cut() {
      for (const socket of sockets.keys()) socket.destroy();
    },
    async [Symbol.asyncDispose]() {
      fake.cut();
      server.close();
      await once(server, "close");
    },
  };
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  return Object.assign(fake, { url: `http://127.0.0.1:${port}` });
}

import {
  Agent,
  type ClientRequest,
  type IncomingMessage,
  request,
  type RequestOptions,
} from "node:http";
import { connect } from "node:net";

/** What the node answers to each path; see {@link serveSoak}. */
export const largeBytes = 1_048_576;
const posted = Buffer.alloc(65_536, "p");

/** How one kind of load went. */
export interface LoadCount {
  done: number;
  /** The first few things that went wrong, and how many there were. */
  readonly faults: string[];
  failed: number;
}

/** One kind of client: does one thing, and is called again and again. */
export interface SoakLoad {
  readonly name: string;
  /** How many of them at a time. */
  readonly clients: number;
  /** @throws Error when what came is not what should have come. */
  once(port: number): Promise<void>;
}

const kept = new Agent({ keepAlive: true, maxSockets: Infinity });

/** Clients of all kinds; every one but those that leave checks its whole answer. */
export const soakLoads: readonly SoakLoad[] = [
  { name: "small GET", clients: 16, once: (port) => get(port, "/small", 5, kept) },
  { name: "large GET", clients: 2, once: (port) => get(port, "/large", largeBytes, kept) },
  { name: "new connection", clients: 4, once: (port) => get(port, "/small", 5, false) },
  { name: "POST", clients: 4, once: post },
  { name: "client that leaves", clients: 2, once: leave },
  { name: "slow reader", clients: 2, once: readSlowly },
  { name: "slow sender", clients: 2, once: sendSlowly },
];

/** Answers what the loads ask for. */
export function serveSoak(
  incoming: IncomingMessage,
  response: { end(body: string | Buffer): unknown },
): void {
  if (incoming.method === "POST") {
    let bytes = 0;
    incoming.on("error", () => undefined);
    incoming.on("data", (piece: Buffer) => (bytes += piece.length));
    incoming.once("end", () => response.end(String(bytes)));
  } else response.end(incoming.url?.endsWith("/large") === true ? large : "small");
}

const large = Buffer.alloc(largeBytes, "l");

async function get(port: number, path: string, bytes: number, agent: Agent | false): Promise<void> {
  const { status, body } = await ask({ port, path, agent });
  if (status !== 200 || body !== bytes) throw new Error(`${path}: ${status}, ${body} bytes`);
}

async function post(port: number): Promise<void> {
  const { status, text } = await ask({ port, path: "/post", method: "POST", agent: kept }, (sent) =>
    sent.end(posted),
  );
  if (status !== 200 || text !== String(posted.length)) throw new Error(`POST: ${status}, ${text}`);
}

/** Asks for something large and leaves: before, in or after the head. */
async function leave(port: number): Promise<void> {
  const socket = connect(port, "127.0.0.1");
  socket.on("error", () => undefined);
  const closed = new Promise((resolve) => socket.once("close", resolve));
  const moment = Math.random();
  socket.write("GET /soak/large HTTP/1.1\r\nHost: a\r\n\r\n");
  if (moment < 0.3) setImmediate(() => socket.destroy());
  else if (moment < 0.6) socket.once("data", () => socket.resetAndDestroy());
  else socket.once("data", () => socket.end(() => socket.destroy()));
  await closed;
}

async function readSlowly(port: number): Promise<void> {
  const { status, body } = await ask({ port, path: "/large", agent: false }, undefined, 20);
  if (status !== 200 || body !== largeBytes) throw new Error(`slow: ${status}, ${body} bytes`);
}

async function sendSlowly(port: number): Promise<void> {
  const { status, text } = await ask(
    { port, path: "/post", method: "POST", agent: false },
    (sent) => {
      let pieces = 0;
      const drip = setInterval(() => {
        pieces += 1;
        if (pieces > 20) sent.end();
        else sent.write("x".repeat(1_000));
      }, 10);
      sent.once("close", () => clearInterval(drip));
    },
  );
  if (status !== 200 || text !== "20000") throw new Error(`slow POST: ${status}, ${text}`);
}

interface Whole {
  readonly status: number;
  readonly body: number;
  readonly text: string;
}

/** One request and its whole answer, which is read with `pauseMs` between pieces. */
function ask(
  options: RequestOptions,
  send: (sent: ClientRequest) => void = (sent) => sent.end(),
  pauseMs = 0,
): Promise<Whole> {
  return new Promise((resolve, reject) => {
    const path = `/soak${options.path}`;
    const sent = request({ host: "127.0.0.1", ...options, path, timeout: 60_000 }, (response) => {
      let body = 0;
      let text = "";
      response.on("data", (piece: Buffer) => {
        body += piece.length;
        if (body < 100) text += piece.toString("latin1");
        if (pauseMs === 0) return;
        response.pause();
        setTimeout(() => response.resume(), pauseMs);
      });
      response.once("error", reject);
      response.once("end", () => resolve({ status: response.statusCode ?? 0, body, text }));
    });
    sent.once("timeout", () => sent.destroy(new Error("no answer in 60 s")));
    sent.once("error", reject);
    send(sent);
  });
}

/** Runs all loads until `signal` is aborted, and then to the end of what is under way. */
export async function runLoads(port: number, signal: AbortSignal): Promise<Map<string, LoadCount>> {
  const counts = new Map<string, LoadCount>();
  const clients = soakLoads.flatMap((load) => {
    const count: LoadCount = { done: 0, faults: [], failed: 0 };
    counts.set(load.name, count);
    return Array.from({ length: load.clients }, () => client(load, count, port, signal));
  });
  await Promise.all(clients);
  kept.destroy();
  return counts;
}

async function client(
  load: SoakLoad,
  count: LoadCount,
  port: number,
  signal: AbortSignal,
): Promise<void> {
  while (!signal.aborted) {
    try {
      await load.once(port);
      count.done += 1;
    } catch (error) {
      count.failed += 1;
      if (count.faults.length < 5) count.faults.push(String(error));
      if (count.failed > 100) return;
    }
  }
}

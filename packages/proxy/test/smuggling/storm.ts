import assert from "node:assert/strict";
import { createServer } from "node:http";
import { type AddressInfo, connect } from "node:net";

import { createProxy, type Forward, type ListenAddress } from "../../src/index.ts";
import { requests } from "../fuzz/corpus.ts";
import { oracleMethods } from "../fuzz/llhttp.ts";
import { mutated } from "../fuzz/mutation.ts";
import { Random } from "../fuzz/random.ts";
import { forwardTo } from "../wire.ts";
import { judged } from "./attack.ts";
import { recordBefore } from "./recorder.ts";

const clients = 64;

/** For methods that llhttp, which judges what is sent, does not know. */
const unknownMethod = {
  kind: "reply",
  status: 405,
  headers: {},
  body: "",
} as const;

/** What came of a storm. */
export interface StormResult {
  /** Requests that arrived at the node, to their end. */
  readonly arrived: number;
  /** Answers of the proxy itself and of the node, by status. */
  readonly answers: ReadonlyMap<string, number>;
}

/**
 * Sends so many mutated requests through a proxy, many connections side by side and each in a few pieces, and
 * judges every byte that the node is sent.
 */
export async function storm(cases: number, seed: number): Promise<StormResult> {
  let arrived = 0;
  const server = createServer((request, response) => {
    request.on("error", () => undefined);
    request.resume().once("end", () => {
      arrived += 1;
      response.end("ok\n");
    });
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  const { port } = server.address() as AddressInfo;
  const recorder = await recordBefore({ host: "127.0.0.1", port });
  let picks = 0;
  const outcomes: string[] = [];
  const forward = forwardTo([recorder], outcomes);
  const counted: Forward = {
    ...forward,
    pick: (tried) => {
      const attempt = forward.pick(tried);
      if (attempt !== undefined) picks += 1;
      return attempt;
    },
  };
  const proxy = createProxy({
    reads: seed % 2 === 0 ? "shared" : "public",
    headTimeoutMs: 200,
    bodyTimeoutMs: 200,
    idleTimeoutMs: 100,
    route: ({ method }) => (oracleMethods.has(method) ? counted : { ...unknownMethod }),
  });
  const address = await proxy.listen({ host: "127.0.0.1", port: 0 });
  const answers = new Map<string, number>();
  const random = new Random(seed);
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < cases) {
      next += 1;
      const text = withKnownMethod(random);
      const received = await sendInPieces(address, text, random);
      for (const [, status] of received.matchAll(/HTTP\/1\.1 (\d{3})/g)) {
        answers.set(status!, (answers.get(status!) ?? 0) + 1);
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  assert.equal(proxy.inFlight, 0);
  assert.equal(outcomes.length, picks, "each pick has one outcome");
  await proxy.close({ drainMs: 0 });
  await recorder[Symbol.asyncDispose]();
  server.closeAllConnections();
  await new Promise((resolve) => server.close(resolve));
  const sent = recorder.sent.flatMap(judged);
  assert.equal(sent.length, arrived, "the node saw others");
  return { arrived, answers };
}

/** Without those whose answer is out at once, and whose body is then waited for: that takes its time. */
function withKnownMethod(random: Random): string {
  for (;;) {
    const text = mutated(requests, random);
    const method = /^(?:\r\n)?([\w!#$%&'*+.^`|~-]+) /.exec(text)?.[1];
    if (method === undefined || oracleMethods.has(method)) return text;
  }
}

/** Resolves with all that came back, once the proxy has closed the connection. */
async function sendInPieces(address: ListenAddress, text: string, random: Random): Promise<string> {
  const bytes = Buffer.from(text, "latin1");
  const cuts = [random.int(bytes.length + 1), random.int(bytes.length + 1)];
  const [first, second] = cuts.toSorted((one, other) => one - other);
  const socket = connect({ ...address, noDelay: true });
  let received = "";
  socket.on("error", () => undefined);
  socket.on("data", (piece) => (received += piece.toString("latin1")));
  const closed = new Promise((resolve) => socket.once("close", resolve));
  for (const piece of [
    bytes.subarray(0, first),
    bytes.subarray(first, second),
    bytes.subarray(second),
  ]) {
    if (piece.length > 0) socket.write(piece);
    await new Promise((resolve) => setImmediate(resolve));
  }
  await closed;
  return received;
}

import assert from "node:assert/strict";
import { connect } from "node:net";

import { createProxy, type ListenAddress } from "../../src/index.ts";
import { responses } from "../fuzz/corpus.ts";
import { Oracle } from "../fuzz/llhttp.ts";
import { mutated } from "../fuzz/mutation.ts";
import { Random } from "../fuzz/random.ts";
import { forwardTo, rawNode } from "../wire.ts";

const clients = 32;

/** How often a client got an answer of the node, one of the proxy, or one that broke off. */
export interface AnswerStormResult {
  readonly passed: number;
  readonly refused: number;
  readonly broken: number;
}

/** Lets a node give so many mutated answers through a proxy, and judges every byte that the clients get. */
export async function answerStorm(cases: number, seed: number): Promise<AnswerStormResult> {
  const random = new Random(seed);
  const answers = new Map<string, string>();
  await using node = await rawNode((socket) => {
    socket.on("data", (bytes) => {
      const target = /^GET (\S+)/.exec(bytes.toString("latin1"))?.[1] ?? "";
      socket.write(answers.get(target) ?? "", "latin1");
      // What is not whole by now never will be.
      socket.end();
    });
  });
  const proxy = createProxy({
    reads: seed % 2 === 0 ? "shared" : "public",
    route: () => forwardTo([node], [], { retries: 0 }),
  });
  const address = await proxy.listen({ host: "127.0.0.1", port: 0 });
  const result = { passed: 0, refused: 0, broken: 0 };
  let next = 0;
  const client = async (): Promise<void> => {
    while (next < cases) {
      next += 1;
      const target = `/${next}`;
      const text = mutated(responses, random);
      answers.set(target, text);
      const { received, wasReset } = await ask(address, target);
      try {
        result[judged(received, wasReset)] += 1;
      } catch (error) {
        throw new Error(`${JSON.stringify(text)} became ${received}`, { cause: error });
      }
    }
  };
  await Promise.all(Array.from({ length: clients }, client));
  assert.equal(proxy.inFlight, 0);
  await proxy.close({ drainMs: 0 });
  return result;
}

/** One final answer to every reader, whole if and only if the connection ended in order. */
function judged(received: string, wasReset: boolean): keyof AnswerStormResult {
  let status = 0;
  for (const lenient of [false, true]) {
    const oracle = new Oracle("response", false, lenient);
    oracle.read(Buffer.from(received, "latin1"));
    assert.equal(oracle.error, "");
    if (!wasReset) oracle.end();
    assert.equal(oracle.error, "", "an answer that is not whole looks so");
    const final = oracle.messages.filter((message) => message.status >= 200);
    if (wasReset) {
      assert.ok(!final.some(({ complete }) => complete), "an answer that broke off looks whole");
      continue;
    }
    assert.equal(final.length, 1);
    assert.ok(final[0]!.complete);
    status = final[0]!.status;
  }
  if (wasReset) return "broken";
  assert.ok(!received.includes("UPSTREAM_TIMEOUT"), "the node's answer was never read");
  return received.includes('"code":"UPSTREAM_BROKE"') && status === 502 ? "refused" : "passed";
}

function ask(
  address: ListenAddress,
  target: string,
): Promise<{ readonly received: string; readonly wasReset: boolean }> {
  return new Promise((resolve) => {
    const socket = connect(address.port, address.host);
    let received = "";
    let wasReset = false;
    socket.on("data", (bytes) => (received += bytes.toString("latin1")));
    socket.on("error", () => (wasReset = true));
    socket.once("close", () => resolve({ received, wasReset }));
    socket.write(`GET ${target} HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`);
  });
}

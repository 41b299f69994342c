import { freePort } from "@rollcall/testbed";
import { expect, onTestFinished, test } from "vitest";

import {
  type Answer,
  echoNode,
  type EchoNode,
  isClosed,
  send,
  until,
} from "./gateway-under-test.ts";
import {
  client,
  connectionsOf,
  isRunning,
  kill,
  listensOn,
  type WorkersUnderTest,
  workersUnderTest,
} from "./workers-under-test.ts";

function route({ port }: EchoNode): string {
  return `routes: [{ id: x, uri: /x, upstream: { nodes: { "127.0.0.1:${port}": 1 } } }]\n`;
}

/** A node that answers when told to, and one request to it for each worker. */
async function slowRequests(
  gateway: (node: EchoNode) => Promise<WorkersUnderTest>,
  count: number,
): Promise<{
  readonly gateway: WorkersUnderTest;
  readonly node: EchoNode;
  readonly pids: readonly number[];
  readonly answers: Promise<readonly Answer[]>;
  readonly finish: () => void;
}> {
  const waiting: (() => void)[] = [];
  const node = await echoNode("slow", (_request, response) => {
    waiting.push(() => response.end("done"));
  });
  const started = await gateway(node);
  const pids = await started.serving(count);
  const sent: Promise<Answer>[] = [];
  const isBusy = (pid: number): boolean => connectionsOf(pid, started.listen).size > 0;
  while (!pids.every(isBusy)) {
    sent.push(send(started.listen, "/x"));
    await until(() => waiting.length === sent.length, "the request to be running");
  }
  const answers = Promise.all(sent);
  // A test that fails before it asks for them fails for its own reason.
  answers.catch(() => undefined);
  return {
    gateway: started,
    node,
    pids,
    answers,
    finish: () => {
      for (const one of waiting.splice(0)) one();
    },
  };
}

test("a reload opens and closes listeners in every worker", async () => {
  const node = await echoNode("one");
  const gateway = await workersUnderTest(`workers: 2\n${route(node)}`);
  const pids = await gateway.serving(2);
  const more = await freePort();
  const clients = [true, false].map((keep) => client(gateway.listen, "/x", keep));
  await gateway.reload(`workers: 2\n${route(node)}`, `listen: [{ port: 0 }, { port: ${more} }]`);
  const added = Array.from({ length: 32 }, () => client(more, "/x"));
  await until(() => added.every((one) => one.answered() > 2), "the new listener to serve");
  for (const pid of pids) expect(connectionsOf(pid, more).size).toBeGreaterThan(0);
  await Promise.all(added.map((one) => one.stop()));
  for (const { failures } of added) expect(failures).toEqual([]);
  await gateway.reload(`workers: 2\n${route(node)}`);
  await until(() => isClosed(more), "the listener to close");
  const before = clients.map((one) => one.answered());
  await until(() => clients.every((one, at) => one.answered() > before[at]!), "further answers");
  await Promise.all(clients.map((one) => one.stop()));
  for (const { failures } of clients) expect(failures).toEqual([]);
  expect(await gateway.serving(2)).toEqual(pids);
});

test("from two workers to three: the third serves at once, the others go on with what they have", async () => {
  const slow = await slowRequests(
    (node) => workersUnderTest(`workers: 2\ndrain_timeout: 600000\n${route(node)}`),
    2,
  );
  const { gateway, node } = slow;
  await gateway.reload(`workers: 3\ndrain_timeout: 600000\n${route(node)}`);
  const three = await gateway.serving(3);
  expect(three.slice(0, 2)).toEqual(slow.pids);
  expect(listensOn(three[2]!, gateway.listen)).toBe(true);
  expect(await gateway.metric("rollcall_workers")).toBe(3);
  slow.finish();
  for (const { text } of await slow.answers) expect(text).toBe("done");
});

test("from three workers to two: requests of the one that leaves complete", async () => {
  const slow = await slowRequests(
    (node) => workersUnderTest(`workers: 3\ndrain_timeout: 600000\n${route(node)}`),
    3,
  );
  const { gateway, node, pids } = slow;
  const one = await echoNode("one");
  await gateway.reload(`workers: 2\ndrain_timeout: 600000\n${route(one)}`);
  const two = await gateway.serving(2);
  expect(two).toEqual(pids.slice(0, 2));
  const leaving = pids[2]!;
  const all = await gateway.workers();
  expect(all.find(({ pid }) => pid === leaving)).toMatchObject({ worker: 3, state: "leaving" });
  expect(await gateway.metric("rollcall_workers")).toBe(2);
  await until(() => !listensOn(leaving, gateway.listen), "it to take no more");
  const held = connectionsOf(leaving, gateway.listen);
  for (let left = 20; left > 0; left -= 1)
    expect((await send(gateway.listen, "/x")).status).toBe(200);
  expect(connectionsOf(leaving, gateway.listen)).toEqual(held);
  expect(isRunning(leaving)).toBe(true);
  slow.finish();
  for (const { text } of await slow.answers) expect(text).toBe("done");
  await until(() => !isRunning(leaving), "it to end");
  expect(await gateway.metric("rollcall_worker_restarts_total")).toBe(0);
  await node.stop();
});

test("a worker that is killed while it builds a configuration: nothing changed, and the next reload is applied", async () => {
  const [one, two] = [await echoNode("one"), await echoNode("two")];
  const gateway = await workersUnderTest(`workers: 2\n${route(one)}`);
  const [victim = 0, other = 0] = await gateway.serving(2);
  const more = await freePort();
  const next = `workers: 2\n${route(two)}`;
  const listeners = `listen: [{ port: 0 }, { port: ${more} }]`;
  // It takes its order in, and cannot get to it.
  kill(victim, "SIGSTOP");
  gateway.write(next, listeners);
  gateway.child.kill("SIGHUP");
  // Not whether somebody listens: before it gives the order the primary tries for a moment whether the port is free.
  await until(() => listensOn(other, more), "the other to build it");
  kill(victim, "SIGKILL");
  await until(() => gateway.out().includes("reload refused"), "the refusal");
  expect(gateway.out()).toContain("nothing changed: worker 1 ended by SIGKILL");
  await until(() => isClosed(more), "the new listener to close");
  const pids = await gateway.serving(2);
  expect(pids).toContain(other);
  expect(pids).not.toContain(victim);
  for (let left = 8; left > 0; left -= 1) {
    expect((await send(gateway.listen, "/x")).json().name).toBe("one");
  }
  await gateway.reload(next, listeners);
  for (const port of [gateway.listen, more]) {
    for (let left = 8; left > 0; left -= 1) {
      expect((await send(port, "/x")).json().name).toBe("two");
    }
  }
  expect(await gateway.serving(2)).toEqual(pids);
});

test("a worker that does not go over is replaced by one that does", async () => {
  const [one, two] = [await echoNode("one"), await echoNode("two")];
  const gateway = await workersUnderTest(`workers: 2\n${route(one)}`);
  const [first = 0, second = 0] = await gateway.serving(2);
  const more = await freePort();
  const applied = 'rollcall_config_reloads_total{result="applied"}';
  // The first holds all up until the second has built it, and is stopped then.
  kill(first, "SIGSTOP");
  gateway.write(`workers: 2\n${route(two)}`, `listen: [{ port: 0 }, { port: ${more} }]`);
  gateway.child.kill("SIGHUP");
  await until(() => listensOn(second, more), "the second to build it");
  // Whoever answers this has built it and said so; and nobody has gone over.
  expect((await send(more, "/x")).json().name).toBe("one");
  kill(second, "SIGSTOP");
  kill(first, "SIGCONT");
  const lost = (): boolean => gateway.out().includes("worker did not go over");
  await until(lost, "the second to be given up");
  await until(async () => (await gateway.metric(applied)) === 1, "the reload");
  await until(async () => !(await gateway.serving(2)).includes(second), "another worker");
  expect(await gateway.serving(2)).toContain(first);
  for (const port of [gateway.listen, more]) {
    for (let left = 8; left > 0; left -= 1) {
      expect((await send(port, "/x")).json().name).toBe("two");
    }
  }
  expect(await gateway.metric("rollcall_worker_restarts_total")).toBe(1);
  await until(() => !isRunning(second), "the second to be gone");
});

test("a worker that is told to end while all go over finishes its requests", async () => {
  const slow = await slowRequests(
    (node) => workersUnderTest(`workers: 2\ndrain_timeout: 600000\n${route(node)}`),
    2,
  );
  const { gateway, node } = slow;
  const [first = 0, second = 0] = slow.pids;
  const primary = gateway.child.pid!;
  onTestFinished(() => kill(primary, "SIGCONT"));
  const more = await freePort();
  // The first holds all up until the second has built it.
  kill(first, "SIGSTOP");
  const listeners = `listen: [{ port: 0 }, { port: ${more} }]`;
  gateway.write(`workers: 2\ndrain_timeout: 600000\n${route(node)}`, listeners);
  gateway.child.kill("SIGHUP");
  await until(() => listensOn(second, more), "the second to build it");
  // Whoever answers has said that it has built it.
  expect((await send(more, "/none")).status).toBe(404);
  // The primary will hear of what the first has built, tell both to go over, and hear then that the second ends.
  kill(primary, "SIGSTOP");
  kill(first, "SIGCONT");
  await until(() => listensOn(first, more), "the first to build it");
  const clients = Array.from({ length: 16 }, () => client(more, "/none"));
  await until(
    () => connectionsOf(first, more).size > 0 && clients.every((one) => one.answered() > 0),
    "the first to answer",
  );
  await Promise.all(clients.map((one) => one.stop()));
  kill(second, "SIGTERM");
  await until(() => !listensOn(second, gateway.listen), "the second to take no more");
  kill(primary, "SIGCONT");
  await gateway.metricIs('rollcall_config_reloads_total{result="applied"}', 1);
  const leaving = (await gateway.workers()).find(({ pid }) => pid === second);
  expect(leaving).toMatchObject({ state: "leaving" });
  slow.finish();
  for (const { text } of await slow.answers) expect(text).toBe("done");
  await until(() => !isRunning(second), "the second to end");
  expect(await gateway.serving(2)).toContain(first);
  expect(gateway.out()).not.toContain("did not go over");
});

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { run } from "./command-under-test.ts";
import { testDirectory } from "./config-file.ts";
import { echoNode, type EchoNode, isClosed, send, until } from "./gateway-under-test.ts";
import {
  type Client,
  client,
  connectionsOf,
  isRunning,
  kill,
  workersUnderTest,
} from "./workers-under-test.ts";

function route(...nodes: readonly EchoNode[]): string {
  const all = nodes.map(({ port }) => `"127.0.0.1:${port}": 1`).join(", ");
  return `routes: [{ id: x, uri: /x, upstream: { nodes: { ${all} } } }]\n`;
}

async function stopped(clients: readonly Client[]): Promise<void> {
  await Promise.all(clients.map((one) => one.stop()));
}

async function answeredMore(clients: readonly Client[], more: number): Promise<void> {
  const before = clients.map((one) => one.answered());
  const enough = (one: Client, at: number): boolean => one.answered() >= before[at]! + more;
  await until(() => clients.every(enough), `${more} answers for every client`);
}

describe("workers", () => {
  test("share the connections, and count together; a worker's count outlives it", async () => {
    const node = await echoNode("one");
    const gateway = await workersUnderTest(`workers: 2\naccess_log: true\n${route(node)}`);
    const [first = 0, second = 0] = await gateway.serving(2);
    expect(await gateway.metric("rollcall_workers")).toBe(2);
    const clients = Array.from({ length: 40 }, () => client(gateway.listen, "/x"));
    await answeredMore(clients, 2);
    const held = [first, second].map((pid) => connectionsOf(pid, gateway.listen).size);
    expect(held[0]! + held[1]!).toBe(40);
    expect(Math.min(...held)).toBeGreaterThan(0);
    await stopped(clients);
    const sum = clients.reduce((total, one) => total + one.answered(), 0);
    await gateway.metricIs("rollcall_requests_total", sum);
    await gateway.metricIs("rollcall_request_duration_seconds_count", sum);
    await gateway.metricIs("rollcall_upstream_attempts_total", sum);
    await gateway.metricIs("rollcall_requests_in_flight", 0);
    const cpu = await gateway.metric("process_cpu_seconds_total");
    const logged = (): number => gateway.lines().filter(({ msg }) => msg === "request").length;
    await until(() => logged() === sum, "the access log");
    kill(first, "SIGKILL");
    await until(async () => !(await gateway.serving(2)).includes(first), "another worker");
    expect(await gateway.metric("rollcall_requests_total")).toBe(sum);
    expect(await gateway.metric("process_cpu_seconds_total")).toBeGreaterThanOrEqual(cpu);
    expect(await gateway.metric("rollcall_worker_restarts_total")).toBe(1);
    for (let left = 5; left > 0; left -= 1) await send(gateway.listen, "/x");
    await gateway.metricIs("rollcall_requests_total", sum + 5);
    await until(() => logged() === sum + 5, "the access log");
  });

  test("one that is killed takes the requests of its own connections with it, and no other", async () => {
    const node = await echoNode("one");
    const gateway = await workersUnderTest(`workers: 2\n${route(node)}`);
    const [victim = 0] = await gateway.serving(2);
    const kept = Array.from({ length: 24 }, () => client(gateway.listen, "/x"));
    await until(() => connectionsOf(victim, gateway.listen).size > 0, "it to have connections");
    await answeredMore(kept, 5);
    const owned = connectionsOf(victim, gateway.listen);
    const ports = kept.map((one) => one.port());
    kill(victim, "SIGKILL");
    await answeredMore(kept, 20);
    await gateway.serving(2);
    await answeredMore(kept, 20);
    await stopped(kept);
    for (const [at, { failures, statuses }] of kept.entries()) {
      expect([...statuses]).toEqual([200]);
      if (!owned.has(ports[at]!)) expect(failures).toEqual([]);
      // Who connects anew at once may get the victim again: its listener can be closed after its connections.
      else if (failures.length > 0) expect(failures[0]?.port).toBe(ports[at]);
    }
    await until(() => gateway.out().includes("worker ended by SIGKILL"), "it to be told");
  });

  test("each judges nodes by its own requests; what they say is put together", async () => {
    const [good, bad] = [
      await echoNode("good"),
      await echoNode("bad", (_request, response) => response.writeHead(500).end()),
    ];
    const nodes = `"127.0.0.1:${good.port}": 1, "127.0.0.1:${bad.port}": 1`;
    const gateway = await workersUnderTest(
      `workers: 2\nroutes: [{ id: x, uri: /x, upstream: { nodes: { ${nodes} }, outlier_ejection: { consecutive_failures: 2, ejection_time: 600 } } }]\n`,
    );
    await gateway.serving(2);
    const ejected = (): readonly Record<string, unknown>[] =>
      gateway.lines().filter(({ msg }) => msg === "node ejected, its requests fail");
    // Each request comes over another connection, to whichever worker.
    await until(async () => {
      await send(gateway.listen, "/x");
      return ejected().length > 0;
    }, "one to eject it");
    const [line] = ejected();
    const id = `127.0.0.1:${bad.port}`;
    const where = { registry: "fixed", service: "route:x", node: id };
    expect(line).toMatchObject({ ...where, level: "warn", cause: "failures", for_ms: 600_000 });
    await until(async () => {
      await send(gateway.listen, "/x");
      return ejected().length > 1;
    }, "the other to eject it");
    expect(new Set(ejected().map(({ worker }) => worker))).toEqual(new Set([1, 2]));
    await gateway.metricIs("rollcall_upstream_ejections_total", 2);
    await gateway.metricIs("rollcall_upstream_nodes", 1);
    const status = (await send(gateway.admin, "/v1/status")).json();
    const node = status.services[0].nodes.find((one: { id: string }) => one.id === id);
    expect(node).toMatchObject({ ejected: true, ejected_workers: 2, warming: false });
    expect((await send(gateway.admin, "/")).text).toContain("weight 1, ejected by 2 of 2 workers");
  });

  test("the primary alone checks nodes, and all know what it finds, newcomers too", async () => {
    let checks = 0;
    let failing = true;
    const good = await echoNode("good");
    const bad = await echoNode("bad", ({ url }, response) => {
      if (url === "/health") checks += 1;
      response.writeHead(url === "/health" && failing ? 500 : 200).end('{ "name": "bad" }');
    });
    const nodes = `"127.0.0.1:${good.port}": 1, "127.0.0.1:${bad.port}": 1`;
    const gateway = await workersUnderTest(
      `workers: 2\nroutes: [{ id: x, uri: /x, upstream: { nodes: { ${nodes} }, checks: { active: { http_path: /health, timeout: 5, healthy: { interval: 0.1, http_statuses: [200] }, unhealthy: { interval: 0.1, http_failures: 2 } } } } }]\n`,
    );
    const [first = 0] = await gateway.serving(2);
    const state = 'rollcall_upstream_nodes{registry="fixed",service="route:x",state="unhealthy"}';
    await until(async () => (await gateway.metric(state)) === 1, "it to be unhealthy");
    const names = async (): Promise<ReadonlySet<string>> => {
      const answers = Array.from({ length: 16 }, () => send(gateway.listen, "/x"));
      return new Set((await Promise.all(answers)).map((answer) => String(answer.json().name)));
    };
    // The news takes its way to the workers.
    await until(async () => !(await names()).has("bad"), "no more requests to it");
    kill(first, "SIGKILL");
    await until(async () => !(await gateway.serving(2)).includes(first), "another worker");
    for (let left = 3; left > 0; left -= 1) expect(await names()).toEqual(new Set(["good"]));
    const counted = 'rollcall_health_checks_total{registry="fixed",service="route:x",result="http';
    const before = checks;
    expect(await gateway.metric(counted)).toBeGreaterThanOrEqual(before - 1);
    expect(await gateway.metric(counted)).toBeLessThanOrEqual(checks);
    failing = false;
    await until(async () => (await names()).has("bad"), "requests to it again");
    const told = (): readonly Record<string, unknown>[] =>
      gateway.lines().filter(({ node }) => node === `127.0.0.1:${bad.port}`);
    await until(() => told().length > 1, "both lines");
    expect(told().map(({ msg }) => msg)).toEqual([
      "node unhealthy, its checks fail",
      "node healthy again",
    ]);
  });

  test("one that is told to end finishes its requests and is replaced meanwhile", async () => {
    let finish: (() => void) | undefined;
    const node = await echoNode("slow", (_request, response) => {
      finish = () => response.end("done");
    });
    const gateway = await workersUnderTest(`workers: 2\ndrain_timeout: 600000\n${route(node)}`);
    const pids = await gateway.serving(2);
    const slow = send(gateway.listen, "/x");
    await until(() => finish !== undefined, "the request to be running");
    const busy = pids.find((pid) => connectionsOf(pid, gateway.listen).size > 0)!;
    kill(busy, "SIGTERM");
    await until(async () => !(await gateway.serving(2)).includes(busy), "another worker");
    expect((await gateway.workers()).find(({ pid }) => pid === busy)?.state).toBe("leaving");
    await gateway.metricIs("rollcall_requests_in_flight", 1);
    finish?.();
    expect((await slow).text).toBe("done");
    await until(() => !isRunning(busy), "it to end");
    await gateway.metricIs("rollcall_requests_total", 1);
    // The primary hears of the end later than we see it.
    await until(async () => (await gateway.workers()).length === 2, "it to be gone");
  });

  test("told one after the other to end under load, they serve what they have accepted", async () => {
    const node = await echoNode("one");
    const gateway = await workersUnderTest(`workers: 2\n${route(node)}`);
    const clients = [true, true, true, false, false].map((keep) =>
      client(gateway.listen, "/x", keep),
    );
    for (let turn = 0; turn < 2; turn += 1) {
      const [pid = 0] = await gateway.serving(2);
      await answeredMore(clients, 5);
      kill(pid, "SIGTERM");
      await until(async () => !(await gateway.serving(2)).includes(pid), "another worker");
    }
    await answeredMore(clients, 5);
    await stopped(clients);
    // A connection that was idle when its worker left may be used at that very moment, as with any server; and
    // the kernel resets what it had given to that worker and the worker had not accepted.
    for (const { failures } of clients) {
      expect(failures.length).toBeLessThanOrEqual(2);
      for (const { why } of failures) expect(why).toBe("ECONNRESET");
    }
  });
});

describe("reload", () => {
  test("under load: routes, listeners and the number of workers change, and no request fails", async () => {
    const [one, two] = [await echoNode("one"), await echoNode("two")];
    const gateway = await workersUnderTest(`workers: 2\n${route(one)}`);
    const before = await gateway.serving(2);
    const clients = [true, true, true, false].map((keep) => client(gateway.listen, "/x", keep));
    const steps = [
      `workers: 2\n${route(two)}`,
      `workers: 3\n${route(one, two)}`,
      `workers: 3\n${route(one)}`,
    ];
    for (const [index, step] of steps.entries()) {
      await answeredMore(clients, 5);
      gateway.write(step);
      gateway.child.kill("SIGHUP");
      await until(
        async () =>
          (await gateway.metric('rollcall_config_reloads_total{result="applied"}')) > index,
        "the reload",
      );
      if (index === 0) {
        await until(async () => (await send(gateway.listen, "/x")).json().name === "two", "it");
      }
      if (index === 1) await gateway.serving(3);
    }
    await answeredMore(clients, 5);
    await stopped(clients);
    for (const { failures } of clients) expect(failures).toEqual([]);
    gateway.write(`workers: 2\n${route(one)}`);
    gateway.child.kill("SIGHUP");
    for (const { statuses } of clients) expect([...statuses]).toEqual([200]);
    expect(await gateway.serving(2)).toEqual(before);
  });

  test("what one worker cannot build changes nothing anywhere", async () => {
    const node = await echoNode("one");
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const gateway = await workersUnderTest(`workers: 2\n${route(node)}`);
    const pids = await gateway.serving(2);
    gateway.write("workers: 2\nroutes: []\n", `listen: [{ port: 0 }, { port: ${port} }]`);
    gateway.child.kill("SIGHUP");
    await until(() => gateway.out().includes("reload refused"), "the refusal");
    expect(gateway.out()).toContain(`listen[1]: 127.0.0.1:${port} is in use`);
    for (let left = 6; left > 0; left -= 1) {
      expect((await send(gateway.listen, "/x")).status).toBe(200);
    }
    expect(await gateway.serving(2)).toEqual(pids);
  });

  test("from workers to one process takes a restart", async () => {
    const gateway = await workersUnderTest("workers: 2\nroutes: []\n");
    gateway.write("workers: 1\nroutes: []\n");
    gateway.child.kill("SIGHUP");
    await until(() => gateway.out().includes("reload refused"), "the refusal");
    expect(gateway.out()).toContain("workers: 1 instead of 2 needs a restart");
  });
});

describe("the end", () => {
  test("SIGTERM to the primary: requests finish, then all is gone, exit code 0", async () => {
    let finish: (() => void) | undefined;
    const node = await echoNode("slow", (_request, response) => {
      finish = () => response.end("done");
    });
    const gateway = await workersUnderTest(`workers: 2\ndrain_timeout: 600000\n${route(node)}`);
    const pids = await gateway.serving(2);
    const slow = send(gateway.listen, "/x");
    await until(() => finish !== undefined, "the request to be running");
    gateway.child.kill("SIGTERM");
    await until(() => isClosed(gateway.listen), "all to take no more");
    expect(gateway.child.exitCode).toBeNull();
    finish?.();
    expect((await slow).text).toBe("done");
    expect(await gateway.exit()).toBe(0);
    expect(pids.filter(isRunning)).toEqual([]);
    expect(gateway.err()).toBe("");
  });

  test("a second signal ends workers and all at once", async () => {
    const arrived = Promise.withResolvers<void>();
    const node = await echoNode("mute", () => arrived.resolve());
    const gateway = await workersUnderTest(`workers: 2\ndrain_timeout: 600000\n${route(node)}`);
    const pids = await gateway.serving(2);
    const cut = expect(send(gateway.listen, "/x")).rejects.toThrow();
    await arrived.promise;
    gateway.child.kill("SIGTERM");
    await until(() => gateway.out().includes("stopping"), "the stop");
    await until(() => !gateway.child.kill("SIGTERM") || gateway.child.exitCode !== null, "the end");
    expect(await gateway.exit()).toBe(1);
    await cut;
    await until(() => !pids.some(isRunning), "the workers to end");
  });

  test("the primary is killed: workers finish what they have, and no orphan stays", async () => {
    let finish: (() => void) | undefined;
    const node = await echoNode("slow", (_request, response) => {
      finish = () => response.end("done");
    });
    const gateway = await workersUnderTest(`workers: 2\ndrain_timeout: 600000\n${route(node)}`);
    const pids = await gateway.serving(2);
    const slow = send(gateway.listen, "/x");
    await until(() => finish !== undefined, "the request to be running");
    gateway.child.kill("SIGKILL");
    await until(() => pids.filter(isRunning).length === 1, "the idle worker to end");
    finish?.();
    expect((await slow).text).toBe("done");
    await until(() => !pids.some(isRunning), "the other one to end");
  });
});

describe("a start that fails", () => {
  test("a taken port: one line, exit code 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const directory = testDirectory();
    writeFileSync(
      join(directory, "g.yaml"),
      `listen: [{ port: ${port} }]\nworkers: 4\nroutes: []\n`,
    );
    const refused = run(["--config", "g.yaml"], directory);
    expect(await refused.exit()).toBe(1);
    expect(refused.err()).toBe(
      `rollcall-gateway: listen[0]: 127.0.0.1:${port} is in use; stop the other process or change listen[0].port\n`,
    );
  });

  test("workers that end at once: one line, exit code 1", async () => {
    const directory = testDirectory();
    writeFileSync(join(directory, "g.yaml"), "listen: [{ port: 0 }]\nworkers: 4\nroutes: []\n");
    const broken = join(directory, "broken.cjs");
    writeFileSync(broken, 'if (require("node:cluster").isWorker) process.exit(7);\n');
    const refused = run(["--config", "g.yaml"], directory, {
      NODE_OPTIONS: `--require ${broken}`,
    });
    expect(await refused.exit()).toBe(1);
    expect(refused.err()).toBe("rollcall-gateway: worker 1 ended with exit code 7\n");
  });
});

test("lines of the access log stay whole, long ones are cut", async () => {
  const node = await echoNode("one");
  const gateway = await workersUnderTest(
    `workers: 2\naccess_log: true\nroutes: [{ uri: /*, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }]\n`,
  );
  const long = `/${"a".repeat(9_000)}`;
  const clients = Array.from({ length: 8 }, (_, index) =>
    client(gateway.listen, index % 2 === 0 ? long : "/b"),
  );
  await answeredMore(clients, 25);
  await stopped(clients);
  gateway.child.kill("SIGTERM");
  expect(await gateway.exit()).toBe(0);
  // Every line is JSON, or this throws.
  const requests = gateway.lines().filter(({ msg }) => msg === "request");
  expect(requests).toHaveLength(clients.reduce((sum, one) => sum + one.answered(), 0));
  const cut = requests.find(({ target }) => String(target).startsWith("/a"));
  expect(cut).toMatchObject({ cut: true, status: 200 });
  expect(String(cut?.["target"])).toHaveLength(2_049);
});

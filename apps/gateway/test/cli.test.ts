import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { createServer } from "node:net";
import type { AddressInfo } from "node:net";
import { join } from "node:path";

import { describe, expect, onTestFinished, test } from "vitest";

import { parseCommand } from "../src/cli.ts";
import { run, started } from "./command-under-test.ts";
import { testDirectory } from "./config-file.ts";
import { echoNode, isClosed, send, until } from "./gateway-under-test.ts";

describe("flags", () => {
  test.each<[args: string[], message: string]>([
    [[], "--config FILE is missing (see --help)"],
    [["--confg", "x"], "unknown flag --confg; did you mean --config? (see --help)"],
    [["-c", "x"], "unknown flag -c (see --help)"],
    [["--config"], "--config needs a file (see --help)"],
    [["--config="], "--config needs a file (see --help)"],
    [["--config", "a", "--config", "b"], "--config is there twice (see --help)"],
    [["--config", "a", "--check=yes"], "--check takes no value (see --help)"],
    [["a.yaml"], 'unexpected argument "a.yaml"; files go after --config or --routes (see --help)'],
    [["--routes", "a"], "--config FILE is missing (see --help)"],
    [["--constructor"], "unknown flag --constructor (see --help)"],
  ])("%j", (args, message) => {
    expect(parseCommand(args)).toEqual({ kind: "wrong", message });
  });

  test("all of them", () => {
    expect(parseCommand(["--config=a", "--routes", "b", "--check"])).toEqual({
      kind: "check",
      configFile: "a",
      routesFile: "b",
    });
    expect(parseCommand(["--help", "--config", "a"])).toEqual({ kind: "help" });
    expect(parseCommand(["--version"])).toEqual({ kind: "version" });
    expect(parseCommand(["--print-schema"])).toEqual({ kind: "print-schema" });
  });
});

describe("the command", () => {
  test("--help, --version and --print-schema go to standard output", async () => {
    const directory = testDirectory();
    const [help, version, schema] = [
      run(["--help"], directory),
      run(["--version"], directory),
      run(["--print-schema"], directory),
    ];
    expect(await help.exit()).toBe(0);
    expect(help.out()).toMatch(/^Usage: rollcall-gateway --config FILE/);
    expect(await version.exit()).toBe(0);
    expect(version.out()).toMatch(/^\d+\.\d+\.\d+\n$/);
    expect(await schema.exit()).toBe(0);
    expect(JSON.parse(schema.out())).toHaveProperty("properties.routes");
  });

  test("wrong configuration: every problem on standard error, exit code 2, no stack trace", async () => {
    const directory = testDirectory();
    writeFileSync(join(directory, "bad.yaml"), "listen: [{ port: x }]\nroute: []\n");
    for (const more of [[], ["--check"]]) {
      const bad = run(["--config", "bad.yaml", ...more], directory);
      expect(await bad.exit()).toBe(2);
      expect(bad.out()).toBe("");
      expect(bad.err()).toBe(
        "bad.yaml:1:1: routes is missing; add routes: or give a file with --routes\n" +
          'bad.yaml:1:18: listen[0].port must be a whole number from 0 to 65535, got "x"\n' +
          'bad.yaml:2:1: route is not a known key; did you mean "routes"?\n',
      );
    }
    const missing = run(["--config", "none.yaml"], directory);
    expect(await missing.exit()).toBe(2);
    expect(missing.err()).toBe("none.yaml: there is no such file\n");
  });

  test("what only the registry's package can tell is told before the start too", async () => {
    const directory = testDirectory();
    writeFileSync(
      join(directory, "bad.yaml"),
      'listen: [{ port: 0 }]\nroutes: []\ndiscovery: { eureka: { host: ["https://a"], tls: { ca: "-----BEGIN NOTHING" } } }\n',
    );
    const bad = run(["--config", "bad.yaml"], directory);
    expect(await bad.exit()).toBe(2);
    expect(bad.out()).toBe("");
    expect(bad.err()).toMatch(
      /^bad\.yaml:3:56: discovery\.eureka\.tls\.ca must be one certificate[^\n]*\n$/,
    );
  });

  test("--check of a good file says so and opens nothing", async () => {
    const directory = testDirectory();
    writeFileSync(
      join(directory, "good.yaml"),
      "listen: [{ port: 80 }]\nadmin: { host: 0.0.0.0 }\n",
    );
    writeFileSync(join(directory, "apisix.yaml"), "routes: []\n#END\n");
    const good = run(["--config", "good.yaml", "--routes", "apisix.yaml", "--check"], directory);
    expect(await good.exit()).toBe(0);
    expect(good.out()).toBe("good.yaml: ok\n");
    expect(good.err()).toMatch(/^warning: good\.yaml:2:16: admin\.host 0\.0\.0\.0 can be reached/);
  });

  test("a port that is taken: one line with address and key, exit code 1", async () => {
    const taken = createServer().listen(0, "127.0.0.1");
    onTestFinished(() => void taken.close());
    await once(taken, "listening");
    const { port } = taken.address() as AddressInfo;
    const directory = testDirectory();
    writeFileSync(join(directory, "g.yaml"), `listen: [{ port: ${port} }]\nroutes: []\n`);
    const refused = run(["--config", "g.yaml"], directory);
    expect(await refused.exit()).toBe(1);
    expect(refused.err()).toBe(
      `rollcall-gateway: listen[0]: 127.0.0.1:${port} is in use; stop the other process or change listen[0].port\n`,
    );
  });

  test("runs with an unreachable registry, reloads by signal and by file, drains and stops", async () => {
    const directory = testDirectory();
    let finish: (() => void) | undefined;
    const node = await echoNode("slow", (_request, response) => {
      finish = () => response.end("done");
    });
    const file = join(directory, "g.yaml");
    const text = (routes: string): string => `listen: [{ port: 0 }]
admin: { port: 0 }
access_log: true
wait_ms: 50
discovery: { eureka: { host: ["http://127.0.0.1:1"], fetch_interval: 1 } }
routes: [{ uri: /user/*, upstream: { service_name: U } }${routes}]
`;
    writeFileSync(file, text(""));
    const gateway = run(["--config", "g.yaml"], directory);
    const { listen, admin } = await started(gateway);
    expect((await send(admin, "/healthz")).status).toBe(200);
    expect((await send(listen, "/user/x")).json()).toMatchObject({ code: "DISCOVERY_PENDING" });

    writeFileSync(file, text(`, { uri: /new, upstream: { nodes: {} } }`));
    gateway.child.kill("SIGHUP");
    await until(async () => (await send(listen, "/new")).status === 503, "the reload by signal");

    writeFileSync(file, "routes: nonsense\n");
    await until(() => gateway.out().includes("reload refused"), "the refusal");
    expect((await send(listen, "/new")).status).toBe(503);
    expect((await send(admin, "/v1/status")).json().last_reload.refused).toMatch(/^g\.yaml:1:1: /);
    writeFileSync(file, text("").replace(/"http:[^"]*"/, '"http://a:1", "http://a:1"'));
    const refusal = async (): Promise<string> =>
      (await send(admin, "/v1/status")).json().last_reload.refused;
    await until(
      async () => (await refusal()).startsWith("g.yaml:5:30: discovery.eureka.host has"),
      "the refusal by the registry's package",
    );

    writeFileSync(
      `${file}.next`,
      text(`, { uri: /slow, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }`),
    );
    renameSync(`${file}.next`, file);
    const slow = until(
      async () => (await send(listen, "/slow")).text === "done",
      "the reload by file",
    );
    await until(() => finish !== undefined, "a request to be running");

    gateway.child.kill("SIGTERM");
    await until(() => gateway.out().includes("SIGTERM: stopping"), "the stop");
    await until(() => isClosed(listen), "it to take no more");
    expect(gateway.child.exitCode).toBeNull();
    finish?.();
    await slow;
    expect(await gateway.exit()).toBe(0);
    expect(gateway.err()).toBe("");
    expect(gateway.lines().find(({ target }) => target === "/user/x")).toEqual({
      level: "info",
      time: expect.any(String),
      msg: "request",
      method: "GET",
      target: "/user/x",
      status: 503,
      attempts: 0,
      route: "arr_1",
      service: "U",
      elapsed_ms: expect.any(Number),
      remote_address: "127.0.0.1",
    });
  });

  test.each(["SIGTERM", "SIGINT"] as const)("idle, %s ends it at once", async (signal) => {
    const directory = testDirectory();
    writeFileSync(
      join(directory, "g.yaml"),
      "listen: [{ port: 0 }]\nadmin: { port: 0 }\nroutes: []\n",
    );
    const gateway = run(["--config", "g.yaml"], directory);
    await started(gateway);
    gateway.child.kill(signal);
    expect(await gateway.exit()).toBe(0);
  });

  test("a second signal does not wait", async () => {
    const directory = testDirectory();
    const arrived = Promise.withResolvers<void>();
    const node = await echoNode("mute", () => arrived.resolve());
    writeFileSync(
      join(directory, "g.yaml"),
      `listen: [{ port: 0 }]
admin: { port: 0 }
drain_timeout: 600000
routes: [{ uri: /x, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }]
`,
    );
    const gateway = run(["--config", "g.yaml"], directory);
    const { listen } = await started(gateway);
    const cut = expect(send(listen, "/x")).rejects.toThrow();
    await arrived.promise;
    gateway.child.kill("SIGTERM");
    await until(() => gateway.out().includes("stopping"), "the stop");
    // One that comes at once is taken for an echo of the first.
    await until(() => !gateway.child.kill("SIGTERM") || gateway.child.exitCode !== null, "the end");
    expect(await gateway.exit()).toBe(1);
    await cut;
  });
});

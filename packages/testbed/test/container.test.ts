import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { connect } from "node:net";
import { afterAll, beforeAll, test } from "vitest";
import { freePort, isFree, until } from "../src/index.ts";
import { runInContainer, startContainer } from "../src/container.ts";
import { dockerEngine, pullImage, removeLeftovers } from "../src/docker.ts";
import type { ServerProcess } from "../src/server-process.ts";
import { type DockerStandIn, standInForDocker } from "./docker-stand-in.ts";

// No Docker engine is met here: the `docker` command is a fake, which shows what it is asked and that the testbed
// goes by what its containers do, not that an engine does what it is asked.
let docker: DockerStandIn;
beforeAll(async () => {
  docker = await standInForDocker();
});
afterAll(() => docker[Symbol.asyncDispose]());

const serve = (port: number): string =>
  `require("node:net").createServer((s) => s.end(process.env.GREETING)).listen(${port}, "127.0.0.1")`;

async function greeting(port: number): Promise<string> {
  const socket = connect({ port, host: "127.0.0.1", signal: AbortSignal.timeout(300) });
  socket.setEncoding("utf8");
  const [said] = (await once(socket, "data")) as [string];
  return said;
}

async function start(
  port: number,
  script = serve(port),
  deadlineMs = 30_000,
): Promise<ServerProcess> {
  return startContainer(
    {
      engine: await dockerEngine(),
      kind: "tin",
      image: "tin:1.2.3",
      folders: ["/one", "/two"],
      env: { GREETING: "s3cret" },
    },
    {
      what: "a listener",
      command: process.execPath,
      args: ["-e", script],
      isReady: async () => (await greeting(port)) === "s3cret",
      readyDeadlineMs: deadlineMs,
    },
  );
}

const asked = async (what: string): Promise<readonly (readonly string[])[]> =>
  (await docker.calls()).filter(([first]) => first === what);

test("a container has this machine's network and folders, labels, and no secret in its command line", async () => {
  const port = await freePort();
  await using server = await start(port);
  const [call] = await asked("run");
  const name = call![1]!.replace("--name=", "");
  assert.match(name, /^rollcall-tin-[0-9a-f]{12}$/);
  assert.deepEqual(call, [
    "run",
    `--name=${name}`,
    "--rm",
    "--interactive",
    "--network=host",
    `--user=${process.getuid!()}:${process.getgid!()}`,
    "--label=org.rollcall.testbed.kind=tin",
    `--label=org.rollcall.testbed.pid=${process.pid}`,
    "--volume=/one:/one",
    "--volume=/two:/two",
    "--env=GREETING",
    `--entrypoint=${process.execPath}`,
    "tin:1.2.3",
    "-e",
    serve(port),
  ]);
  await server.stop();
  assert.deepEqual(await asked("stop"), [["stop", "-t", "15", name]]);
  assert.equal(await isFree(port), true);
  assert.ok((await asked("rm")).some((one) => one.at(-1) === name));
});

test("a crash is a kill, a freeze a pause", async () => {
  const port = await freePort();
  const server = await start(port);
  await server.pause();
  await assert.rejects(greeting(port));
  server.resume();
  await until(() => greeting(port), { what: "an answer after the pause" });
  await server.pause();
  await server.kill();
  await server.kill();
  assert.equal(await isFree(port), true);
  assert.equal((await asked("pause")).length, 2);
  assert.equal((await asked("unpause")).length, 2);
  const [kill] = await asked("kill");
  assert.equal(kill?.length, 2);
});

test("one that does not serve is removed, and its log is told", async () => {
  const port = await freePort();
  await assert.rejects(start(port, `${serve(port)}; process.env.GREETING = "no"`, 2000), /in vain/);
  assert.equal(await isFree(port), true);
  await assert.rejects(
    start(port, `console.error("no disk"); process.exit(3)`),
    /a listener ended before it was ready[\s\S]*no disk/,
  );
});

test("a command runs to its end, and fails with what it printed", async () => {
  const container = { engine: await dockerEngine(), kind: "tool", image: "tin:1.2.3" };
  const run = (script: string): Promise<string> =>
    runInContainer(container, process.execPath, ["-e", script]);
  assert.equal(await run("console.log(6 * 7)"), "42\n");
  await assert.rejects(run(`console.error("no"); process.exit(1)`), /docker failed: no/);
});

test("an image is fetched once", async () => {
  await pullImage("tin:9");
  await pullImage("tin:9");
  assert.deepEqual(await asked("pull"), [["pull", "--quiet", "tin:9"]]);
});

test("containers of a process that was killed are found by their label and removed", async () => {
  const port = await freePort();
  // Its owner's number is one that no process has any more.
  const gone = spawn(process.execPath, ["--version"], { stdio: "ignore" });
  await once(gone, "exit");
  const label = `org.rollcall.testbed.pid=${gone.pid}`;
  const flags = [
    "--name=rollcall-tin-left",
    `--label=${label}`,
    `--entrypoint=${process.execPath}`,
  ];
  const left = spawn("docker", ["run", ...flags, "tin:1.2.3", "-e", serve(port)]);
  const ended = once(left, "exit");
  await until(async () => !(await isFree(port)), { what: "the one that is left" });
  await removeLeftovers();
  await ended;
  assert.equal(await isFree(port), true);
});

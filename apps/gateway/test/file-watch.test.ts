import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";

import { pino } from "pino";
import { expect, onTestFinished, test } from "vitest";

import { loadConfig } from "../src/config/load.ts";
import { runGateway } from "../src/run.ts";
import { testDirectory } from "./config-file.ts";
import { inMemory, send, until } from "./gateway-under-test.ts";

const base = "listen: [{ port: 0 }]\nsnapshot_dir: off\n";
const route = (id: string): string => `{ id: ${id}, uri: /${id}, upstream: { nodes: {} } }`;

/** A gateway on two files; `between` comes after they were read and before it runs. */
async function following(between: (files: Files) => void) {
  const directory = testDirectory();
  const files = {
    config: join(directory, "gateway.yaml"),
    routes: join(directory, "routes.yaml"),
  };
  writeFileSync(files.config, base);
  writeFileSync(files.routes, `routes: [${route("one")}]\n`);
  const source = { configFile: files.config, routesFile: files.routes, environment: {} };
  const loaded = loadConfig(source);
  between(files);
  const lines: string[] = [];
  const running = await runGateway(source, loaded, {
    log: pino({ base: null }, { write: (line: string) => void lines.push(line) }),
    onAccess: undefined,
    registries: inMemory(() => expect.fail()),
  });
  onTestFinished(() => running.stop());
  const { port } = running.gateway.addresses[0]!;
  return {
    files,
    running,
    lines,
    status: async (path: string) => (await send(port, path)).status,
  };
}

type Files = Readonly<Record<"config" | "routes", string>>;

test("what is written after the files were read is read, however early it came", async () => {
  const { status } = await following(({ routes }) =>
    writeFileSync(routes, `routes: [${route("two")}]\n`),
  );
  await until(async () => (await status("/two")) === 503, "the second route");
  expect(await status("/one")).toBe(404);
});

test("what is written while a reload is under way is read too", async () => {
  const { files, running, status } = await following(() => {});
  writeFileSync(files.routes, `routes: [${route("two")}]\n`);
  const reloading = running.reload();
  writeFileSync(files.routes, `routes: [${route("three")}]\n`);
  await reloading;
  expect(running.gateway.config.routes.map(({ id }) => id)).toEqual(["two"]);
  await until(async () => (await status("/three")) === 503, "the third route");
});

test("a file that is gone is a wrong file once, and read again when it is back", async () => {
  const { files, lines, status } = await following(() => {});
  rmSync(files.routes);
  await until(() => lines.join("").includes("there is no such file"), "the refusal");
  expect(await status("/one")).toBe(503);
  writeFileSync(files.routes, `routes: [${route("two")}]\n`);
  await until(async () => (await status("/two")) === 503, "the second route");
  expect(lines.filter((line) => line.includes("nothing changed"))).toHaveLength(1);
});

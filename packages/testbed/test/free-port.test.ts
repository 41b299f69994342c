import { execFile } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { promisify } from "node:util";

import { expect, test } from "vitest";

import { freePort, isFree } from "../src/index.ts";

const module = new URL("../src/free-port.ts", import.meta.url).href;

/** Ports given to another process, which has ended when this resolves. */
async function givenElsewhere(count: number): Promise<readonly number[]> {
  const script = `import { freePort } from ${JSON.stringify(module)};
    const ports = [];
    for (let i = 0; i < ${count}; i += 1) ports.push(await freePort());
    console.log(ports.join());`;
  const run = promisify(execFile);
  const { stdout } = await run(process.execPath, ["--input-type=module", "-e", script]);
  return stdout.split(",").map(Number);
}

test("a port is given once, with companions that are as free", async () => {
  const seen = new Set<number>();
  for (let i = 0; i < 50; i += 1) {
    const port = await freePort([1000, -1000]);
    for (const one of [port, port + 1000, port - 1000]) {
      expect(seen).not.toContain(one);
      seen.add(one);
      expect(await isFree(one)).toBe(true);
    }
  }
});

test("ports are not given twice by processes that live at the same time", async () => {
  const ours = new Set<number>();
  for (let i = 0; i < 3_000; i += 1) ours.add(await freePort());
  // By chance alone 3 000 of 17 000 would be met many times.
  const theirs = await givenElsewhere(300);
  expect(theirs.filter((port) => ours.has(port))).toEqual([]);
});

test("what listens is not given", async () => {
  const port = await freePort();
  const server = createServer().listen({ port, host: "127.0.0.1" });
  await once(server, "listening");
  expect(await isFree(port)).toBe(false);
  server.close();
});

import assert from "node:assert/strict";
import { connect } from "node:net";
import { test } from "vitest";
import { freePort, isFree } from "../src/index.ts";
import { startServerProcess } from "../src/server-process.ts";

const listening = (port: number): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = connect(port, "127.0.0.1");
    socket.once("connect", () => resolve(true));
    socket.once("error", () => resolve(false));
    socket.once("close", () => socket.destroy());
    socket.unref();
  });

function startNode(port: number, script: string) {
  return startServerProcess({
    what: "a listener",
    command: process.execPath,
    args: ["-e", script],
    isReady: () => listening(port),
    readyDeadlineMs: 30_000,
  });
}

const listener = (port: number): string =>
  `require("node:net").createServer((s) => s.destroy()).listen(${port}, "127.0.0.1")`;

test("a server is ready when it says so, and its port is free after its end", async () => {
  const port = await freePort();
  const server = await startNode(port, listener(port));
  assert.equal(await isFree(port), false);
  await server.stop();
  await server.stop();
  await server.kill();
  assert.equal(await isFree(port), true);
});

test("a paused server is stopped as well", async () => {
  const port = await freePort();
  const server = await startNode(port, listener(port));
  await server.pause();
  await server.stop();
  assert.equal(await isFree(port), true);
});

test("one that ends by itself, or that is not there, is told with its log", async () => {
  const port = await freePort();
  await assert.rejects(
    startNode(port, `console.error("no disk"); process.exit(1)`),
    /a listener ended before it was ready; its log ends:\nno disk/,
  );
  await assert.rejects(
    startServerProcess({
      what: "a ghost",
      command: "/nonexistent/server",
      args: [],
      isReady: () => Promise.resolve(false),
    }),
    /a ghost ended before it was ready[\s\S]*ENOENT/,
  );
});

test("one that never gets ready is stopped", async () => {
  const port = await freePort();
  await assert.rejects(
    startServerProcess({
      what: "a sleeper",
      command: process.execPath,
      args: ["-e", `console.log("up"); ${listener(port)}`],
      isReady: () => Promise.resolve(false),
      readyDeadlineMs: 500,
    }),
    /waited 500 ms in vain for a sleeper to be ready/,
  );
  assert.equal(await isFree(port), true);
});

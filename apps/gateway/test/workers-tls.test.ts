import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

import { createAuthority, type IssuedCertificate } from "@rollcall/testbed";
import { expect, onTestFinished, test } from "vitest";

import { echoNode, until } from "./gateway-under-test.ts";
import {
  client,
  connectionsOf,
  type WorkersUnderTest,
  workersUnderTest,
} from "./workers-under-test.ts";

const authority = createAuthority();
const first = authority.issue("first", ["shop.example"]);
const renewed = authority.issue("renewed", ["shop.example"]);
const listen = "listen: [{ port: 0, tls: { cert: site.pem, key: site.key } }]";
const files = { "site.pem": first.certPem, "site.key": first.keyPem };
const trusting: ConnectionOptions = { ca: authority.caPem, servername: "shop.example" };

/** A TLS connection to a gateway, and which worker has it. */
async function connection(
  gateway: WorkersUnderTest,
  pids: readonly number[],
  options: ConnectionOptions = {},
): Promise<{ readonly socket: TLSSocket; readonly pid: number }> {
  const socket = connect({ host: "127.0.0.1", port: gateway.listen, ...trusting, ...options });
  onTestFinished(() => void socket.destroy());
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  const own = socket.localPort!;
  const pid = pids.find((one) => connectionsOf(one, gateway.listen).has(own));
  if (pid === undefined) throw new Error("no worker has the connection");
  return { socket, pid };
}

/** Whose certificate each worker shows. */
async function shownByEach(
  gateway: WorkersUnderTest,
  pids: readonly number[],
): Promise<readonly (string | undefined)[]> {
  const names = new Map<number, string>();
  await until(async () => {
    const { socket, pid } = await connection(gateway, pids);
    names.set(pid, String(socket.getPeerCertificate().subject.CN));
    socket.destroy();
    return pids.every((one) => names.has(one));
  }, "every worker to have a connection");
  return pids.map((pid) => names.get(pid));
}

function renew(directory: string, { certPem, keyPem }: IssuedCertificate): void {
  for (const [name, text] of [
    ["site.pem", certPem],
    ["site.key", keyPem],
  ] as const) {
    writeFileSync(join(directory, `${name}.new`), text);
    renameSync(join(directory, `${name}.new`), join(directory, name));
  }
}

test("a certificate renewed on disk is shown by every worker, and no connection is dropped", async () => {
  const node = await echoNode("one");
  const gateway = await workersUnderTest(
    `workers: 2\nroutes: [{ uri: /x, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }]\n`,
    listen,
    files,
  );
  const pids = await gateway.serving(2);
  expect(await shownByEach(gateway, pids)).toEqual(["first", "first"]);
  const clients = Array.from({ length: 12 }, (_, index) =>
    client(gateway.listen, "/x", index < 10, trusting),
  );
  await until(() => clients.every((one) => one.answered() > 2), "every client to be served");
  const standing = clients.slice(0, 10).map((one) => one.port());
  renew(gateway.directory, renewed);
  await until(() => gateway.out().includes('"msg":"reloaded"'), "the reload");
  expect(await shownByEach(gateway, pids)).toEqual(["renewed", "renewed"]);
  const answered = clients.map((one) => one.answered());
  await until(
    () => clients.every((one, at) => one.answered() > answered[at]! + 2),
    "every client to be served on",
  );
  expect(clients.slice(0, 10).map((one) => one.port())).toEqual(standing);
  await Promise.all(clients.map((one) => one.stop()));
  for (const { failures, statuses } of clients) {
    expect(failures).toEqual([]);
    expect([...statuses]).toEqual([200]);
  }
  expect(await gateway.serving(2)).toEqual(pids);
  expect(gateway.out()).not.toContain("PRIVATE");
});

import { once } from "node:events";
import { renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { connect, type ConnectionOptions, type TLSSocket } from "node:tls";

import { createAuthority, type IssuedCertificate } from "@rollcall/testbed";
import { expect, onTestFinished, test } from "vitest";

import { echoNode, until } from "./gateway-under-test.ts";
import {
  client,
  connectionsOf,
  kill,
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

/** The session to take up later; with 1.3 it comes after the handshake. */
async function ticketOf(socket: TLSSocket): Promise<Buffer> {
  if (socket.getProtocol() === "TLSv1.2") return socket.getSession()!;
  const [session] = (await once(socket, "session")) as [Buffer];
  return session;
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

for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
  test(`${version}: a session goes on at whichever worker, one that was replaced too`, async () => {
    const gateway = await workersUnderTest("workers: 2\nroutes: []\n", listen, files);
    const pids = await gateway.serving(2);
    const options = { minVersion: version, maxVersion: version };
    const begun = await connection(gateway, pids, options);
    const session = await ticketOf(begun.socket);
    expect(begun.socket.isSessionReused()).toBe(false);
    begun.socket.destroy();
    /** Takes the session up until each worker had it. */
    const takenUp = async (workers: readonly number[]): Promise<void> => {
      const met = new Set<number>();
      await until(async () => {
        const { socket, pid } = await connection(gateway, workers, { ...options, session });
        expect(socket.isSessionReused()).toBe(true);
        socket.destroy();
        met.add(pid);
        return workers.every((one) => met.has(one));
      }, "every worker to take it up");
    };
    await takenUp(pids);
    kill(begun.pid, "SIGKILL");
    await until(async () => !(await gateway.serving(2)).includes(begun.pid), "another worker");
    await takenUp(await gateway.serving(2));
    renew(gateway.directory, renewed);
    gateway.child.kill("SIGHUP");
    await until(() => gateway.out().includes('"msg":"reloaded"'), "the reload");
    const after = await gateway.serving(2);
    const { socket } = await connection(gateway, after, { ...options, session });
    expect(socket.isSessionReused()).toBe(false);
    expect(socket.getPeerCertificate().subject.CN).toBe("renewed");
  });
}

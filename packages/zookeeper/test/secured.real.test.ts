import assert from "node:assert/strict";

import {
  createAuthority,
  describeOwnZookeeper,
  startZookeeper,
  type ZookeeperProcess,
} from "@rollcall/testbed";
import { afterAll, beforeAll, expect, test } from "vitest";

import { World } from "./world.ts";

const node = { service: "orders", id: "1", host: "10.0.0.1", port: 80 } as const;
const signal = (): AbortSignal => AbortSignal.timeout(20_000);

describeOwnZookeeper("a secure port", () => {
  const authority = createAuthority();
  const { certPem: cert, keyPem: key } = authority.issue("client");
  const ca = authority.caPem;
  let server: ZookeeperProcess;
  let servers: string;
  beforeAll(async () => {
    server = await startZookeeper({ tls: { authority, clientAuth: "need" } });
    servers = `127.0.0.1:${server.securePort}`;
  });
  afterAll(() => server?.stop());

  test("what is made with a client certificate belongs to it", async () => {
    await using world = new World();
    const owner = world.registry({ servers, tls: { ca, cert, key }, acl: "creator" });
    await owner.register(node);
    assert.equal((await owner.read(node, signal())).nodes.length, 1);
    const plain = world.registry({ servers: server.connectString });
    await expect(plain.read(node, signal())).rejects.toMatchObject({ code: "AUTH" });
  });

  test("names and certificates are checked unless that is waived", async () => {
    await using world = new World();
    const read = async (tls: object): Promise<void> => {
      await world.registry({ servers, tls: { cert, key, ...tls } }).read(node, signal());
    };
    const refused = { code: "UNAVAILABLE", retryable: true };
    await expect(read({ ca: createAuthority().caPem })).rejects.toMatchObject(refused);
    await expect(read({ ca, serverName: "zookeeper.example.com" })).rejects.toMatchObject(refused);
    await read({ verify: false });
    await read({ ca, serverName: "localhost" });
  });

  test("whoever has no certificate, or speaks no TLS, is not let in", async () => {
    await using world = new World();
    for (const tls of [{ ca }, undefined]) {
      const stranger = world.registry({ servers, tls });
      await expect(stranger.read(node, signal())).rejects.toMatchObject({
        code: expect.stringMatching(/UNAVAILABLE|TIMEOUT/),
      });
    }
  });
});

describeOwnZookeeper("a server that asks for SASL", () => {
  let server: ZookeeperProcess;
  beforeAll(async () => {
    server = await startZookeeper({ sasl: { bob: "secret" } });
  });
  afterAll(() => server?.stop());

  test("refuses whoever does not log in, with AUTH", async () => {
    await using world = new World();
    const servers = server.connectString;
    for (const auth of [
      undefined,
      { scheme: "digest", username: "bob", password: "secret" },
      { scheme: "sasl", username: "eve", password: "secret" },
      { scheme: "sasl", username: "bob", password: "wrong" },
    ] as const) {
      const stranger = world.registry({ servers, auth });
      await expect(stranger.read(node, signal())).rejects.toMatchObject({ code: "AUTH" });
      await expect(stranger.services({ signal: signal() })).rejects.toMatchObject({ code: "AUTH" });
    }
  });

  test("asks for the password at each connection, and what is made belongs to the user", async () => {
    await using world = new World();
    const servers = server.connectString;
    let asked = 0;
    const password = async (): Promise<string> => {
      asked += 1;
      return "secret";
    };
    const auth = { scheme: "sasl", username: "bob", password } as const;
    const registry = world.registry({ servers, auth, acl: "creator", sessionTimeoutMs: 10_000 });
    const registration = await registry.register(node);
    assert.equal(asked, 1);
    await server.restart("kept");
    await registration.update({ weight: 7 });
    // Once for each connection, and a busy server may have needed more than one.
    assert.ok(asked >= 2, `${asked} times`);
    const { nodes } = await registry.read(node, signal());
    assert.equal(nodes[0]?.weight, 7);
  });
});

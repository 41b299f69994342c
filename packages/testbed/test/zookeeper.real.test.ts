import assert from "node:assert/strict";
import { once } from "node:events";
import { connect } from "node:net";
import { connect as connectTls } from "node:tls";
import { expect, test } from "vitest";
import {
  createAuthority,
  describeOwnZookeeper,
  describeZookeeper,
  isFree,
  namespace,
  startCuratorProvider,
  startZookeeper,
  startZookeeperEnsemble,
  until,
} from "../src/index.ts";

interface Instance {
  readonly id: string;
  readonly port: number;
}

// A ConnectRequest: version, last zxid, time-out, session, password.
const greeting = `0000002c${"00".repeat(12)}00001388${"00".repeat(8)}00000010${"00".repeat(16)}`;

async function instances(url: string, service: string): Promise<Instance[]> {
  const response = await fetch(`${url}/instances/${service}`);
  assert.equal(response.status, 200);
  return (await response.json()) as Instance[];
}

describeZookeeper("the shared ZooKeeper server", (zookeeper) => {
  test("says which version it is", () => {
    assert.match(zookeeper.version, /^\d+\.\d+\.\d+|^unknown/);
  });

  test("is met by services that register with Curator, and leave when they end", async () => {
    const name = namespace("curator");
    const given = { connectString: zookeeper.url, base: "/curator", service: name("a") };
    await using one = await startCuratorProvider({ ...given, id: "one" });
    await using two = await startCuratorProvider({ ...given, id: "two" });
    const seen = await instances(one.url, name("a"));
    assert.deepEqual(
      new Map(seen.map(({ id, port }) => [id, port])),
      new Map([
        ["one", one.port],
        ["two", two.port],
      ]),
    );
    await two.stop();
    await until(async () => (await instances(one.url, name("a"))).length === 1, {
      what: "the second service to deregister",
    });
  });
});

describeOwnZookeeper("a ZooKeeper server of one's own", () => {
  test("comes back with its data after a crash, freezes, and leaves nothing behind", async () => {
    await using zookeeper = await startZookeeper();
    const { connectString, port } = zookeeper;
    const name = namespace("own")("a");
    const given = { connectString, base: "/own", service: name };
    await using provider = await startCuratorProvider({ ...given, id: "one" });
    assert.equal((await instances(provider.url, name)).length, 1);
    await zookeeper.kill();
    assert.equal(await isFree(port), true);
    await zookeeper.restart("kept");
    await until(async () => (await instances(provider.url, name)).length === 1, {
      what: "the data after a restart",
    });

    await zookeeper.pause();
    await expect(zookeeper.mode()).rejects.toThrow();
    zookeeper.resume();
    await until(() => zookeeper.mode(), { what: "an answer after the pause" });

    await zookeeper.pause();
    await zookeeper.stop();
    await zookeeper.stop();
    assert.equal(await isFree(port), true);
    await zookeeper.restart("empty");
    assert.equal(await until(() => zookeeper.mode(), { what: "its mode" }), "standalone");
  });

  test("speaks TLS on a port of its own and asks for a client certificate", async () => {
    const authority = createAuthority();
    await using zookeeper = await startZookeeper({ tls: { authority, clientAuth: "need" } });
    const { certPem: cert, keyPem: key } = authority.issue("client");
    const port = zookeeper.securePort!;
    const greet = async (client: { cert?: string; key?: string }): Promise<number> => {
      const socket = connectTls({ port, host: "127.0.0.1", ca: authority.caPem, ...client });
      socket.write(Buffer.from(greeting, "hex"));
      const [answer] = (await once(socket, "data")) as [Buffer];
      socket.destroy();
      return answer.length;
    };
    assert.ok((await greet({ cert, key })) > 0);
    await expect(greet({})).rejects.toThrow();
  });

  test("refuses whom it does not know, when SASL is asked for", async () => {
    await using zookeeper = await startZookeeper({ sasl: { bob: 'p"w' } });
    const socket = connect({ port: zookeeper.port, host: "127.0.0.1" });
    socket.resume();
    // And `exists /` without having logged in.
    socket.write(Buffer.from(`${greeting}0000000e0000000100000003000000012f00`, "hex"));
    await once(socket, "close");
  });

  test("tells why it did not start", async () => {
    await expect(startZookeeper({ settings: { tickTime: "soon" } })).rejects.toThrow(
      /ended before it was ready[\s\S]*soon/,
    );
  });
});

describeOwnZookeeper("three ZooKeeper servers", () => {
  test("elect another leader when theirs is killed", async () => {
    await using ensemble = await startZookeeperEnsemble();
    const first = await ensemble.leader();
    await first.kill();
    const second = await ensemble.leader();
    assert.notEqual(second.port, first.port);
    await first.restart("kept");
    assert.equal(await until(() => first.mode(), { what: "its mode" }), "follower");
  });
});

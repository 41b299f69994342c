import assert from "node:assert/strict";
import { connect } from "node:net";
import { describe, expect, test } from "vitest";
import {
  describeNacos,
  describeOwnNacos,
  isFree,
  namespace,
  startNacos,
  startNacosClient,
  until,
} from "../src/index.ts";

async function register(server: { url: string }, serviceName: string): Promise<number> {
  const body = new URLSearchParams({
    serviceName: `DEFAULT_GROUP@@${serviceName}`,
    ip: "10.0.0.1",
    port: "80",
  });
  return (await fetch(`${server.url}/nacos/v1/ns/instance`, { method: "POST", body })).status;
}

async function ports(server: { url: string }, serviceName: string): Promise<number[]> {
  const query = new URLSearchParams({ serviceName: `DEFAULT_GROUP@@${serviceName}` });
  const response = await fetch(`${server.url}/nacos/v1/ns/instance/list?${query.toString()}`, {
    headers: { connection: "close" },
  });
  const { hosts } = (await response.json()) as { hosts: { port: number }[] };
  return hosts.map(({ port }) => port);
}

function canConnect(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ port, host: "127.0.0.1" });
    socket.once("error", () => resolve(false));
    socket.once("connect", () => {
      socket.destroy();
      resolve(true);
    });
  });
}

describeNacos("the shared Nacos server", (nacos) => {
  test("takes a registration and shows it", async () => {
    const name = namespace("testbed")("orders");
    assert.equal(await register(nacos, name), 200);
    await until(async () => (await ports(nacos, name)).length === 1, { what: "the registration" });
    assert.match(nacos.version, /^[23]/);
  });

  test("is met by the official Java client", async () => {
    const name = namespace("testbed")("java");
    await using client = await startNacosClient({ serverAddr: new URL(nacos.url).host });
    assert.match(client.version, /^2\.\d/);
    await client.run("subscribe", name, "DEFAULT_GROUP");
    await client.run("register", name, "DEFAULT_GROUP", "10.0.0.1", "80", "1", "DEFAULT");
    await until(() => client.heard(name) === "10.0.0.1:80 1.0 true", { what: "an event" });
    await client.run("deregister", name, "DEFAULT_GROUP", "10.0.0.1", "80", "DEFAULT");
    await until(async () => (await ports(nacos, name)).length === 0, { what: "it to leave" });
    await expect(client.run("nonsense")).rejects.toThrow("unknown command");
  });
});

describe.each([{ version: "3.1" }, { version: "2.5" }] as const)(
  "Nacos $version",
  ({ version }) => {
    describeOwnNacos("a server of one's own", () => {
      test("freezes, and comes back empty on its ports after a crash", async () => {
        await using server = await startNacos({ version });
        assert.match(server.version, new RegExp(`^${version.replace(".", "\\.")}\\.\\d`));
        assert.equal(server.grpcPort, server.port + 1000);
        assert.equal(await canConnect(server.grpcPort), true);
        assert.equal(await register(server, "kept"), 200);
        await until(async () => (await ports(server, "kept")).length === 1, {
          what: "an instance",
        });

        await server.pause();
        await expect(
          fetch(server.url, { signal: AbortSignal.timeout(300), headers: { connection: "close" } }),
        ).rejects.toThrow();
        server.resume();

        await server.kill();
        assert.equal(await isFree(server.port), true);
        await server.restart();
        assert.deepEqual(await ports(server, "kept"), []);

        await server.stop();
        await server.stop();
        assert.equal(await isFree(server.port), true);
      });
    });
  },
);

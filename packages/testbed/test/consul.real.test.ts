import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { expect, test } from "vitest";
import {
  type ConsulAccess,
  consulApi,
  createAuthority,
  describeConsul,
  describeOwnConsul,
  isFree,
  namespace,
  startConsul,
  startConsulCluster,
  until,
} from "../src/index.ts";

async function register(access: ConsulAccess, name: string): Promise<number> {
  const path = "/v1/agent/service/register";
  return (await consulApi(access, "PUT", path, { Name: name, Port: 80 })).status;
}

async function names(access: ConsulAccess): Promise<string[]> {
  const { status, body } = await consulApi(access, "GET", "/v1/catalog/services");
  assert.equal(status, 200);
  return Object.keys(body as object);
}

async function shows(access: ConsulAccess, name: string): Promise<void> {
  await until(async () => (await names(access)).includes(name), { what: `${name} to be shown` });
}

describeConsul("the shared Consul agent", (consul) => {
  test("shows a registration", async () => {
    const name = namespace("testbed")("orders");
    assert.equal(await register(consul, name), 200);
    await shows(consul, name);
    await consulApi(consul, "PUT", `/v1/agent/service/deregister/${name}`);
  });

  test("says which version it is", () => {
    assert.match(consul.version, /^\d+\.\d+\.\d+/);
  });
});

describeOwnConsul("a Consul agent of one's own", () => {
  test("comes back empty on its port after a crash, freezes, and leaves nothing behind", async () => {
    await using consul = await startConsul();
    await register(consul.access, "kept");
    await shows(consul.access, "kept");
    await consul.kill();
    assert.equal(await isFree(consul.port), true);
    await consul.restart();
    assert.deepEqual(await names(consul.access), ["consul"]);

    await consul.pause();
    const signal = AbortSignal.timeout(300);
    await expect(fetch(`${consul.url}/v1/status/leader`, { signal })).rejects.toThrow();
    consul.resume();
    await until(() => names(consul.access), { what: "an answer after the pause" });

    await consul.pause();
    await consul.stop();
    await consul.stop();
    assert.equal(await isFree(consul.port), true);
  });

  test("keeps its data when it is durable, unless it is to come back empty", async () => {
    await using consul = await startConsul({ durable: true });
    await register(consul.access, "kept");
    await shows(consul.access, "kept");
    await consul.kill();
    await consul.restart();
    await shows(consul.access, "kept");
    await consul.restart({ empty: true });
    assert.deepEqual(await names(consul.access), ["consul"]);
  });

  test("denies by default, and has a token for everything", async () => {
    await using consul = await startConsul({ acl: true });
    assert.equal(await register({ url: consul.url }, "denied"), 403);
    assert.deepEqual(await names({ url: consul.url }), []);
    assert.equal(await register(consul.access, "allowed"), 200);
    await shows(consul.access, "allowed");
  });

  test("serves HTTPS and asks for a client certificate", async () => {
    const authority = createAuthority();
    await using consul = await startConsul({ tls: { authority, clientAuth: true } });
    assert.equal(await register(consul.access, "secured"), 200);
    const anonymous = { url: consul.url, ca: authority.caPem };
    await expect(consulApi(anonymous, "GET", "/v1/status/leader")).rejects.toThrow();
  });

  test("knows another datacentre", async () => {
    await using first = await startConsul({ datacenter: "east" });
    await using second = await startConsul({ datacenter: "west", joinWan: [first.wanAddress] });
    await register(first.access, "far");
    await until(
      async () => {
        const path = "/v1/health/service/far?dc=east";
        const { body } = await consulApi(second.access, "GET", path);
        return Array.isArray(body) && body.length === 1;
      },
      { what: "the node of the other datacentre" },
    );
  });

  test("chooses another leader when it is killed", async () => {
    await using cluster = await startConsulCluster();
    await cluster.settled();
    const killed = await cluster.killLeader();
    await cluster.settled();
    const leader = await cluster.leader();
    assert.notEqual(leader, killed);
    await killed.restart();
    await cluster.settled();
  });

  test("tells why it did not start", async () => {
    await expect(startConsul({ settings: { no_such_setting: 1 } })).rejects.toThrow(
      /ended before it was ready[\s\S]*no_such_setting/,
    );
  });
});

describeOwnConsul("the end of a test process", () => {
  test("ends its agents, however it came", async () => {
    const start = new URL("../src/consul.ts", import.meta.url).href;
    const script = `
      import { startConsul } from ${JSON.stringify(start)};
      const { port } = await startConsul();
      console.log(JSON.stringify({ port }));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const { port } = await until(() => JSON.parse(said) as { port: number }, {
      what: "the agent of another process",
    });
    assert.equal(await isFree(port), false);
    child.kill("SIGKILL");
    await until(() => isFree(port), { what: "the orphan to end" });
  });
});

import assert from "node:assert/strict";
import { request } from "node:https";
import { expect, test } from "vitest";
import {
  createAuthority,
  describeEureka,
  describeOwnEureka,
  freePort,
  isFree,
  namespace,
  startEureka,
  startSpringProvider,
  until,
} from "../src/index.ts";

const json = { accept: "application/json", "content-type": "application/json" };

async function register(url: string, app: string): Promise<number> {
  const instance = {
    instanceId: "a",
    app,
    hostName: "127.0.0.1",
    ipAddr: "127.0.0.1",
    status: "UP",
    port: { $: 80, "@enabled": "true" },
    dataCenterInfo: {
      "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
      name: "MyOwn",
    },
  };
  const response = await fetch(`${url}apps/${app}`, {
    method: "POST",
    headers: json,
    body: JSON.stringify({ instance }),
  });
  return response.status;
}

async function apps(url: string): Promise<string[]> {
  const response = await fetch(`${url}apps`, { headers: json });
  const body = (await response.json()) as {
    applications: { application: { name: string; instance: unknown[] }[] };
  };
  return body.applications.application.map((app) => app.name);
}

function isAlive(pid: number): boolean {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
}

describeEureka("the shared Eureka server", (eureka) => {
  test("shows a registration at once", async () => {
    const name = namespace("testbed")("orders").toUpperCase();
    assert.equal(await register(eureka.url, name), 204);
    await until(async () => (await apps(eureka.url)).includes(name), { what: "the registration" });
  });

  test("says which version it is", () => {
    assert.match(eureka.version, /^\d+\.\d+\.\d+ \(Spring Cloud Netflix \d|^unknown/);
  });

  test("is met by a Spring Boot service, which also sees what it holds", async () => {
    const appName = namespace("spring")("billing");
    await using provider = await startSpringProvider({ eurekaUrl: eureka.url, appName });
    await until(async () => (await apps(eureka.url)).includes(appName.toUpperCase()), {
      what: "the Spring registration",
    });
    const seen = await until(
      async () => {
        const response = await fetch(`${provider.url}/instances/${appName}`);
        const nodes = (await response.json()) as { port: number }[];
        return nodes.length > 0 && nodes;
      },
      { what: "the provider to see itself" },
    );
    assert.equal(seen[0]?.port, provider.port);
    await provider.stop();
    await until(async () => !(await apps(eureka.url)).includes(appName.toUpperCase()), {
      what: "the Spring service to deregister",
    });
  });
});

describeOwnEureka("a Eureka server of one's own", () => {
  test("comes back empty on its port after a crash, freezes, and leaves nothing behind", async () => {
    await using eureka = await startEureka();
    assert.equal(await register(eureka.url, "KEPT"), 204);
    await eureka.kill();
    assert.equal(await isFree(eureka.port), true);
    await eureka.restart();
    assert.deepEqual(await apps(eureka.url), []);

    await eureka.pause();
    await expect(
      fetch(`${eureka.url}apps`, { signal: AbortSignal.timeout(300) }),
    ).rejects.toThrow();
    eureka.resume();
    await until(() => apps(eureka.url), { what: "an answer after the pause" });

    await eureka.pause();
    await eureka.stop();
    await eureka.stop();
    assert.equal(await isFree(eureka.port), true);
  });

  test("asks for a password", async () => {
    const auth = { username: "ann", password: "pass word/é" };
    await using eureka = await startEureka({ auth });
    const basic = Buffer.from(`${auth.username}:${auth.password}`).toString("base64");
    const statusWith = async (headers: Record<string, string>): Promise<number> =>
      (await fetch(`${eureka.url}apps`, { headers })).status;
    assert.equal(await statusWith(json), 401);
    assert.equal(await statusWith({ ...json, authorization: `Basic ${basic}` }), 200);
  });

  test("serves HTTPS and asks for a client certificate", async () => {
    const authority = createAuthority();
    await using eureka = await startEureka({ tls: { authority, clientAuth: "need" } });
    const get = (client: { cert?: string; key?: string }): Promise<number | undefined> =>
      new Promise((resolve, reject) => {
        const options = { ca: authority.caPem, agent: false, headers: json, ...client };
        request(`${eureka.url}apps`, options, (response) => {
          response.resume().once("end", () => resolve(response.statusCode));
        })
          .once("error", reject)
          .end();
      });
    const { certPem: cert, keyPem: key } = authority.issue("client");
    assert.equal(await get({ cert, key }), 200);
    await expect(get({})).rejects.toThrow();
  });

  test("replicates to its peer", async () => {
    const ports = [await freePort(), await freePort()] as const;
    const urls = ports.map((port) => `http://127.0.0.1:${port}/eureka/`);
    const [first, second] = await Promise.all([
      startEureka({ port: ports[0], peers: [urls[1]!] }),
      startEureka({ port: ports[1], peers: [urls[0]!] }),
    ]);
    await using stack = new AsyncDisposableStack();
    stack.use(first);
    stack.use(second);
    assert.equal(await register(first.url, "REPLICATED"), 204);
    await until(async () => (await apps(second.url)).includes("REPLICATED"), {
      what: "replication",
    });
  });

  test("tells why it did not start", async () => {
    await expect(startEureka({ settings: { "server.port": "not-a-port" } })).rejects.toThrow(
      /ended before it was ready[\s\S]*not-a-port/,
    );
  });
});

describeOwnEureka("the end of a test process", () => {
  test("ends its servers, however it came", async () => {
    const { spawn } = await import("node:child_process");
    const start = new URL("../src/eureka.ts", import.meta.url).href;
    const script = `
      import { startEureka } from ${JSON.stringify(start)};
      const eureka = await startEureka();
      console.log(JSON.stringify({ port: eureka.port, pid: Number(/PID (\\d+)/.exec(eureka.logTail())?.[1]) }));
      setInterval(() => {}, 1000);`;
    const child = spawn(process.execPath, ["--input-type=module", "-e", script], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let said = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => {
      said += text;
    });
    const { port, pid } = await until(() => JSON.parse(said) as { port: number; pid: number }, {
      what: "the server of another process",
      deadlineMs: 120_000,
    });
    assert.equal(isAlive(pid), true);
    child.kill("SIGKILL");
    await until(() => !isAlive(pid), { what: "the orphan to end" });
    assert.equal(await isFree(port), true);
  });
});

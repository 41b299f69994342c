import { gzipSync } from "node:zlib";

import { createDiscovery, type NodeSet, type Registry, type ServiceView } from "@rollcall/core";
import { type EurekaServer, startEurekaServer } from "@rollcall/eureka-server";
import { until } from "@rollcall/testbed";
import { afterEach, describe, expect, test } from "vitest";

import { eurekaRegistry, type EurekaOptions } from "../src/index.ts";
import { apps, type FakeServer, plain, record, startFake } from "./fake-server.ts";
import { rawEureka } from "./raw-eureka.ts";

const disposals: (() => PromiseLike<void>)[] = [];

afterEach(async () => {
  for (const dispose of disposals.splice(0).toReversed()) await dispose();
});

async function fakeServer(answer?: FakeServer["answer"]): Promise<FakeServer> {
  const fake = await startFake(answer);
  disposals.push(() => fake.stop());
  return fake;
}

async function realServer(
  options: Parameters<typeof startEurekaServer>[0] = {},
): Promise<EurekaServer> {
  const server = await startEurekaServer(options);
  disposals.push(() => server.close());
  return server;
}

function connect(options: EurekaOptions): Registry {
  const registry = eurekaRegistry({
    intervalMs: 20,
    timeouts: { connectMs: 10_000, sendMs: 5_000, readMs: 10_000 },
    ...options,
  });
  disposals.push(() => registry[Symbol.asyncDispose]());
  return registry;
}

function view(registry: Registry, service = "a", protection: "on" | "off" = "off"): ServiceView {
  const discovery = createDiscovery(registry, {
    ...(protection === "on" ? {} : { protection }),
    backoff: { baseMs: 20, capMs: 100 },
  });
  disposals.push(() => discovery[Symbol.asyncDispose]());
  return discovery.service(service);
}

const ids = ({ nodes }: Pick<ServiceView, "nodes">): string[] => nodes.map(({ id }) => id);

describe("one poll", () => {
  test("serves all services that are watched, in any case of their names", async () => {
    const fake = await fakeServer(apps("x"));
    const registry = connect({ servers: fake.url, intervalMs: 60_000 });
    const views = ["a", "A", "b", "c"].map((service) => view(registry, service));
    await Promise.all(views.map((one) => one.ready()));
    expect(views.map((one) => ids(one))).toEqual([["x"], ["x"], [], []]);
    expect(fake.requests).toEqual(["GET /apps"]);
    // A watch that comes later gets what is known.
    const late = view(registry, "a");
    await late.ready();
    expect(ids(late)).toEqual(["x"]);
    expect(fake.requests).toHaveLength(1);
  });

  test("follows changes by deltas and stops when nobody watches", async () => {
    const fake = await fakeServer(apps("x"));
    const registry = connect({ servers: fake.url });
    const discovery = createDiscovery(registry);
    discovery.service("a");
    await until(() => fake.requests.length > 5, { what: "some polls" });
    expect(new Set(fake.requests.slice(1))).toEqual(new Set(["GET /apps/delta"]));
    await discovery[Symbol.asyncDispose]();
    // A request that was on its way arrives all the same; none follows it.
    await registry.services();
    const { length } = fake.requests;
    await registry.services();
    expect(fake.requests.slice(length)).toEqual(["GET /apps"]);
  });

  test("reads everything every time when deltas are not wanted", async () => {
    const fake = await fakeServer(apps("x"));
    view(connect({ servers: fake.url, delta: false }));
    await until(() => fake.requests.length > 5, { what: "some polls" });
    expect(new Set(fake.requests)).toEqual(new Set(["GET /apps"]));
  });

  test.each([
    ["switched off", plain(403)],
    ["unknown", plain(404)],
  ])("remembers that deltas are %s", async (_, refusal) => {
    const everything = apps("x");
    const fake = await fakeServer((request, response) => {
      (request.url?.includes("delta") === true ? refusal : everything)(request, response);
    });
    const shown = view(connect({ servers: fake.url }));
    await until(() => fake.requests.length > 6, { what: "some polls" });
    expect(fake.requests.filter((one) => one.includes("delta"))).toHaveLength(1);
    expect(shown.snapshot.state).toBe("fresh");
  });

  test("reads everything now and then", async () => {
    const fake = await fakeServer(apps("x"));
    view(connect({ servers: fake.url, fullReadEveryMs: 50 }));
    await until(() => fake.requests.filter((one) => one === "GET /apps").length > 3, {
      what: "full reads",
    });
    expect(fake.requests).toContain("GET /apps/delta");
  });

  test.each([
    ["does not fit", '{"applications":{"apps__hashcode":"UP_9_","application":[]}}'],
    [
      "is of an unknown kind",
      JSON.stringify({
        applications: {
          apps__hashcode: "UP_1_",
          application: { name: "A", instance: record("x", { actionType: "RENAMED" }) },
        },
      }),
    ],
    ["is no delta", "{}"],
  ])("reads everything when a delta %s", async (_, delta) => {
    let now = apps("x");
    const fake = await fakeServer((request, response) => {
      if (request.url?.includes("delta") === true) plain(200, delta)(request, response);
      else now(request, response);
    });
    const shown = view(connect({ servers: fake.url }));
    await shown.ready();
    now = apps("x", "y");
    await until(() => ids(shown).length === 2, { what: "the second node" });
    expect(shown.snapshot.state).toBe("fresh");
  });

  test.each([
    ["a bomb", gzipSync(Buffer.alloc(5_000_000)), { "content-encoding": "gzip" }],
    ["larger than wanted", " ".repeat(20_000), {}],
    ["XML that breaks off", "<applications><application>", {}],
  ])("reads everything when a delta is %s", async (_, body, headers) => {
    let now = apps("x");
    const fake = await fakeServer((request, response) => {
      if (request.url?.includes("delta") === true) plain(200, body, headers)(request, response);
      else now(request, response);
    });
    const shown = view(connect({ servers: fake.url, maxBodyBytes: 10_000 }));
    await shown.ready();
    now = apps("x", "y");
    await until(() => ids(shown).length === 2, { what: "the second node" });
    expect(shown.snapshot.state).toBe("fresh");
  });

  test("follows changes in XML", async () => {
    const instance = (id: string, action: string): string =>
      `<instance><instanceId>${id}</instanceId><ipAddr>10.0.0.1</ipAddr><status>UP</status><actionType>${action}</actionType><port enabled="true">80</port></instance>`;
    let [hash, delta] = ["UP_1_", ""];
    const fake = await fakeServer((request, response) => {
      const isDelta = request.url?.includes("delta") === true;
      const records = isDelta ? delta : instance("x", "ADDED");
      const application =
        records === "" ? "" : `<application><name>A</name>${records}</application>`;
      const text = `<applications><versions__delta>1</versions__delta><apps__hashcode>${isDelta ? hash : "UP_1_"}</apps__hashcode>${application}</applications>`;
      plain(200, text, { "content-type": "application/xml" })(request, response);
    });
    const shown = view(connect({ servers: fake.url }));
    await shown.ready();
    [hash, delta] = ["UP_2_", instance("y", "ADDED")];
    await until(() => ids(shown).join() === "x,y", { what: "the second node" });
    expect(fake.requests.filter((one) => one === "GET /apps")).toHaveLength(1);
  });

  test("a record that nests without end harms nobody, however often it comes", async () => {
    const nest = `${'{"a":'.repeat(20_000)}1${"}".repeat(20_000)}`;
    const bad = JSON.stringify(record("bad", { actionType: "MODIFIED", port: 0, metadata: "N" }));
    const fake = await fakeServer((request, response) => {
      const good = JSON.stringify(record("x", { actionType: "MODIFIED" }));
      const instances = `[${bad.replace('"N"', nest)},${good}]`;
      const text = `{"applications":{"apps__hashcode":"UP_2_","application":{"name":"A","instance":${instances}}}}`;
      plain(200, text)(request, response);
    });
    const shown = view(connect({ servers: fake.url }));
    await shown.ready();
    const states = new Set<string>();
    await until(
      () => {
        states.add(shown.snapshot.state);
        return fake.requests.length > 12;
      },
      { what: "more polls" },
    );
    expect(states).toEqual(new Set(["fresh"]));
    expect(ids(shown)).toEqual(["x"]);
    expect(shown.snapshot.rejected.map(({ key }) => key)).toEqual(["bad"]);
    // At the start, and once more since that was amid changes.
    expect(fake.requests.filter((one) => one === "GET /apps")).toHaveLength(2);
  });

  test("looks at everything after changes, and is not led back by a delta that got stuck", async () => {
    let [version, stuck] = ["1", "1"];
    const fake = await fakeServer((request, response) => {
      const isDelta = request.url?.includes("delta") === true;
      const metadata = { version: isDelta ? stuck : version };
      const instance = record("x", { metadata, actionType: isDelta ? "MODIFIED" : "ADDED" });
      const application = { name: "A", instance };
      const applications = { apps__hashcode: "UP_1_", application };
      plain(200, JSON.stringify({ applications }))(request, response);
    });
    const shown = view(connect({ servers: fake.url }));
    const shows = (): string | undefined => shown.nodes[0]?.metadata["version"];
    await until(() => shows() === "1", { what: "the first version" });
    stuck = "2";
    await until(() => shows() === "2", { what: "the second version" });
    version = "3";
    await until(() => shows() === "3", { what: "the third version" });
    const seen = new Set<string | undefined>();
    const { length } = fake.requests;
    await until(
      () => {
        seen.add(shows());
        return fake.requests.length > length + 10;
      },
      { what: "more polls" },
    );
    expect(seen).toEqual(new Set(["3"]));
    expect(new Set(fake.requests.slice(length + 1))).toEqual(new Set(["GET /apps/delta"]));
    stuck = "4";
    await until(() => shows() === "4", { what: "the fourth version" });
  });

  test("looks at everything once more when it started amid changes, for the first delta may have got stuck", async () => {
    let version = "1";
    const fake = await fakeServer((request, response) => {
      const isDelta = request.url?.includes("delta") === true;
      const metadata = { version: isDelta ? "1" : version };
      const instance = record("x", { metadata, actionType: "ADDED" });
      const applications = { apps__hashcode: "UP_1_", application: { name: "A", instance } };
      plain(200, JSON.stringify({ applications }))(request, response);
    });
    const shown = view(connect({ servers: fake.url }));
    await until(() => fake.requests.includes("GET /apps/delta"), { what: "a delta" });
    version = "2";
    const shows = (): string | undefined => shown.nodes[0]?.metadata["version"];
    await until(() => shows() === "2", { what: "the second version" });
    await until(() => fake.requests.length > 15, { what: "more polls" });
    expect(shows()).toBe("2");
    expect(fake.requests.filter((one) => one === "GET /apps")).toHaveLength(2);
  });

  test("yields nothing when nothing changed, and the same nodes when others did", async () => {
    const fake = await fakeServer(apps("x"));
    const registry = connect({ servers: fake.url, delta: false });
    const stop = new AbortController();
    const sets: NodeSet[] = [];
    const reading = (async () => {
      for await (const set of registry.watch({ service: "a" }, stop.signal)) sets.push(set);
    })().catch(() => undefined);
    await until(() => fake.requests.length > 5, { what: "some polls" });
    expect(sets).toHaveLength(1);
    fake.answer = apps("x", "y");
    await until(() => sets.length > 1, { what: "the second set" });
    expect(sets[1]?.nodes[0]).toBe(sets[0]?.nodes[0]);
    stop.abort();
    await reading;
  });
});

describe("failure", () => {
  test("never makes the poll slower than its interval", async () => {
    const fake = await fakeServer(plain(500));
    const shown = view(connect({ servers: fake.url, intervalMs: 50 }));
    await until(() => shown.snapshot.cause !== undefined, { what: "a cause" });
    await until(() => fake.requests.length > 30, { what: "many attempts" });
    fake.answer = apps("x");
    const { length } = fake.requests;
    await shown.ready();
    expect(ids(shown)).toEqual(["x"]);
    // Everything is read, not the delta.
    expect(fake.requests[length]).toBe("GET /apps");
  });

  test("changes no node; after it everything is read anew", async () => {
    const fake = await fakeServer(apps("x", "y"));
    const shown = view(connect({ servers: fake.url }));
    await until(() => ids(shown).length === 2, { what: "the nodes" });
    const { nodes } = shown;
    for (const answer of [plain(500), plain(200, "<html>"), plain(200, "{}"), plain(403)]) {
      fake.answer = answer;
      await until(() => shown.snapshot.state === "stale", { what: "stale" });
      expect(shown.nodes).toBe(nodes);
      fake.answer = apps("x", "y");
      await until(() => shown.snapshot.state === "fresh", { what: "fresh" });
    }
    expect(shown.nodes).toBe(nodes);
  });

  test("of one server goes unnoticed while another answers; the other is read whole", async () => {
    const fakes = [await fakeServer(apps("x")), await fakeServer(apps("x"))] as const;
    const servers = fakes.map(({ url }) => url);
    const shown = view(connect({ servers, random: () => 0 }));
    await shown.ready();
    const states = new Set<string>();
    const recording = (async () => {
      for await (const snapshot of shown) states.add(snapshot.state);
    })();
    await fakes[0].stop();
    await until(() => fakes[1].requests.length > 5, { what: "polls of the other" });
    expect(fakes[1].requests[0]).toBe("GET /apps");
    expect(fakes[1].requests[1]).toBe("GET /apps/delta");
    // It sticks to what works.
    const before = fakes[0].requests.length;
    await fakes[0].start();
    const { length } = fakes[1].requests;
    await until(() => fakes[1].requests.length > length + 5, { what: "more polls of the other" });
    expect(fakes[0].requests).toHaveLength(before);
    shown[Symbol.dispose]();
    await recording;
    expect(states).toEqual(new Set(["fresh"]));
  });

  test("of rights is told and not repeated in a hot loop", async () => {
    const fake = await fakeServer(plain(401));
    const shown = view(connect({ servers: fake.url, intervalMs: 30_000 }));
    await until(() => shown.snapshot.cause?.code === "AUTH", { what: "AUTH" });
    expect(fake.requests).toHaveLength(1);
    await expect(shown.ready()).rejects.toMatchObject({ code: "AUTH" });
  });
});

describe("a registry that shrinks", () => {
  test("by deregistrations is believed, to the last node", async () => {
    const server = await realServer();
    const raw = rawEureka(server.url);
    for (const id of ["x", "y"])
      await raw.register({ service: "a", id, host: "10.0.0.1", port: 80 });
    const shown = view(connect({ servers: server.url }), "a", "on");
    await until(() => ids(shown).length === 2, { what: "the nodes" });
    const states = new Set<string>();
    const recording = (async () => {
      for await (const snapshot of shown) states.add(snapshot.state);
    })();
    await raw.send("DELETE", "apps/A/x");
    await raw.send("DELETE", "apps/A/y");
    await until(() => shown.snapshot.all.length === 0, { what: "the nodes to be gone" });
    shown[Symbol.dispose]();
    await recording;
    expect(states).toEqual(new Set(["fresh"]));
  });

  test("without a word is in doubt: its nodes are held as after an outage", async () => {
    const server = await realServer();
    const raw = rawEureka(server.url);
    for (const id of ["x", "y"])
      await raw.register({ service: "a", id, host: "10.0.0.1", port: 80 });
    const shown = view(connect({ servers: server.url }), "a", "on");
    await until(() => ids(shown).length === 2, { what: "the nodes" });
    const causes: (string | undefined)[] = [];
    const recording = (async () => {
      for await (const snapshot of shown) causes.push(snapshot.cause?.reason);
    })();
    server.wipe();
    await until(() => shown.snapshot.held.length === 2, { what: "held nodes" });
    expect(shown.snapshot.state).toBe("fresh");
    expect(causes).toContain(
      "0 of 2 records are left and nothing tells why; the server may have lost its data",
    );
    expect(ids(shown)).toEqual(["x", "y"]);
    for (const id of ["x", "y"])
      await raw.register({ service: "a", id, host: "10.0.0.1", port: 80 });
    await until(() => shown.snapshot.held.length === 0, { what: "the registrants to be back" });
    expect(ids(shown)).toEqual(["x", "y"]);
    shown[Symbol.dispose]();
    await recording;
  });
});

test("what is watched is what is read, through many random changes", async () => {
  const server = await realServer();
  const raw = rawEureka(server.url);
  const registry = connect({ servers: server.url });
  const services = ["a", "b", "c"];
  const views = services.map((service) => view(registry, service));
  let seed = 42;
  const random = (below: number): number => {
    seed = (seed * 1_103_515_245 + 12_345) % 2_147_483_648;
    return Math.floor((seed / 2_147_483_648) * below);
  };
  for (let round = 0; round < 60; round += 1) {
    const service = services[random(3)] ?? "a";
    const path = `apps/${service}/${random(4)}`;
    const id = path.slice(-1);
    switch (random(4)) {
      case 0:
        await raw.send("DELETE", path);
        break;
      case 1:
        await raw.send("PUT", `${path}/status?value=${random(2) === 0 ? "UP" : "OUT_OF_SERVICE"}`);
        break;
      case 2:
        await raw.send("PUT", `${path}/metadata?round=${round}`);
        break;
      default:
        await raw.register({ service, id, host: "10.0.0.1", port: 1 + random(9) });
    }
    if (round % 10 !== 9) continue;
    for (const [index, one] of services.entries()) {
      const { nodes } = await registry.read({ service: one }, AbortSignal.timeout(30_000));
      const byId = new Map(nodes.map((node) => [node.id, node]));
      await until(
        () => {
          expect(new Map(views[index]?.snapshot.all.map((node) => [node.id, node]))).toEqual(byId);
          return true;
        },
        { what: `${one} to be as it was read` },
      );
    }
  }
});

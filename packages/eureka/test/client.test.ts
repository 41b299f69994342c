import { inspect } from "node:util";
import { gzipSync } from "node:zlib";

import { type DiscoveryError, type ErrorCode, type NodeSet, type Registry } from "@rollcall/core";
import { startEurekaServer } from "@rollcall/eureka-server";
import { describe, expect, test } from "vitest";

import { eurekaRegistry, type EurekaOptions } from "../src/index.ts";
import { apps, type FakeServer, plain, startFake } from "./fake-server.ts";

/** For what does not wait for them to run out. */
const timeouts = { connectMs: 10_000, sendMs: 5_000, readMs: 10_000 };
/** For what does. */
const short = { connectMs: 300, sendMs: 100, readMs: 200 };
const json = { "content-type": "application/json" };

async function failure(
  registry: Registry,
  act: (registry: Registry) => Promise<unknown> = (one) => one.services(),
): Promise<DiscoveryError> {
  try {
    await act(registry);
  } catch (error) {
    return error as DiscoveryError;
  }
  throw new Error("nothing failed");
}

async function firstSet(registry: Registry, service = "a"): Promise<NodeSet> {
  const stop = new AbortController();
  try {
    for await (const set of registry.watch({ service }, stop.signal)) return set;
    throw new Error("the watch ended");
  } finally {
    stop.abort(new Error("seen enough"));
  }
}

describe("an answer that is not what it should be is no empty registry", () => {
  const cases: readonly (readonly [string, FakeServer["answer"], ErrorCode, string])[] = [
    [
      "a page",
      plain(200, "<html><body>maintenance</body></html>", { "content-type": "text/html" }),
      "PROTOCOL",
      "neither JSON nor Eureka's XML (text/html)",
    ],
    ["nothing", plain(200, "", json), "PROTOCOL", "the answer is empty"],
    [
      "broken JSON",
      plain(200, '{"applications":{"password":"hunter2', json),
      "PROTOCOL",
      "not valid JSON",
    ],
    ["other JSON", plain(200, "[]", json), "PROTOCOL", "not an object"],
    ["no applications", plain(200, "{}", json), "PROTOCOL", "has no applications"],
    [
      "a count without records",
      plain(200, '{"applications":{"apps__hashcode":"UP_5_"}}', json),
      "PROTOCOL",
      "counts records and lists none",
    ],
    ["a deep nest", plain(200, "[".repeat(9_000), json), "PROTOCOL", "not valid JSON"],
    ["too much", plain(200, " ".repeat(20_000), json), "PROTOCOL", "larger than 10000 bytes"],
    [
      "a bomb",
      plain(200, gzipSync(Buffer.alloc(5_000_000)), { ...json, "content-encoding": "gzip" }),
      "PROTOCOL",
      "unpacks to more than 10000 bytes",
    ],
    [
      "half of a gzip",
      plain(200, gzipSync('{"applications":{}}').subarray(0, 20), {
        ...json,
        "content-encoding": "gzip",
      }),
      "PROTOCOL",
      "not valid gzip",
    ],
    [
      "an unasked encoding",
      plain(200, "x", { ...json, "content-encoding": "br" }),
      "PROTOCOL",
      "an encoding nobody asked for",
    ],
    ["a redirect", plain(302, "", { location: "/login" }), "PROTOCOL", "the server answered 302"],
    ["a wrong path", plain(404, "{}", json), "PROTOCOL", "is the path of its URL right?"],
    ["not ready", plain(403, "", json), "UNAVAILABLE", "not ready to serve"],
    ["not yet", plain(503, "busy"), "UNAVAILABLE", "the server answered 503"],
    ["broken inside", plain(500, "<html>"), "UNAVAILABLE", "the server answered 500"],
    [
      "no right",
      plain(401, "", { "www-authenticate": "Basic" }),
      "AUTH",
      "wrong or missing credentials",
    ],
    [
      "no right, in a page of its own kind",
      plain(401, " ".repeat(1_000_000), { "content-encoding": "br" }),
      "AUTH",
      "the server answered 401",
    ],
    [
      "no right either",
      plain(403, "", { "www-authenticate": "Basic" }),
      "AUTH",
      "no right to do so",
    ],
    [
      "a cut body",
      (_request, response) => {
        response.writeHead(200, { ...json, "content-length": "1000" });
        response.write('{"applications":{', () => response.destroy());
      },
      "UNAVAILABLE",
      "the connection broke",
    ],
    [
      "a cut connection",
      (request) => request.socket.destroy(),
      "UNAVAILABLE",
      "the connection broke",
    ],
    [
      "no HTTP",
      (request) => request.socket.end("hello\r\n\r\n"),
      "PROTOCOL",
      "the answer is not HTTP",
    ],
    ["silence", () => undefined, "TIMEOUT", " ms"],
    [
      "a drip",
      (_request, response) => {
        response.writeHead(200, json);
        const drip = setInterval(() => response.write(" "), 20);
        response.on("close", () => clearInterval(drip));
      },
      "TIMEOUT",
      "no answer within 600 ms",
    ],
  ];

  test.each(cases)("%s", async (_, answer, code, reason) => {
    await using fake = await startFake(answer);
    const servers = fake.url.replace("//", "//someone:hunter2@");
    await using registry = eurekaRegistry({
      servers,
      timeouts: code === "TIMEOUT" ? short : timeouts,
      maxBodyBytes: 10_000,
      intervalMs: 50,
    });
    for (const act of [(one: Registry) => one.services(), (one: Registry) => firstSet(one)]) {
      const error = await failure(registry, act);
      expect(error.code).toBe(code);
      expect(error.message).toContain(reason);
      expect(error.message).toContain(fake.url);
      expect(JSON.stringify([error.message, error.stack, String(error.cause)])).not.toContain(
        "hunter2",
      );
    }
  });

  test("a server that is not there", async () => {
    const fake = await startFake();
    await fake.stop();
    await using registry = eurekaRegistry({ servers: fake.url, timeouts });
    const error = await failure(registry);
    expect(error.code).toBe("UNAVAILABLE");
    expect(error.reason).toBe("cannot be reached (ECONNREFUSED)");
  });

  test("an application that cannot be read is unknown; its neighbours are served", async () => {
    const application = [
      { name: "BAD", instance: 5 },
      { name: "A", instance: [] },
    ];
    await using fake = await startFake(
      plain(200, JSON.stringify({ applications: { application } }), json),
    );
    await using registry = eurekaRegistry({ servers: fake.url, timeouts });
    expect((await failure(registry, (one) => firstSet(one, "bad"))).code).toBe("PROTOCOL");
    expect(await firstSet(registry)).toEqual({ nodes: [], rejected: [] });
  });
});

describe("an answer that is what it should be", () => {
  test("gzip, XML, single objects and other cases of the name", async () => {
    const xml =
      '<applications><application><name>A</name><instance><instanceId>x</instanceId><ipAddr>10.0.0.1</ipAddr><status>UP</status><port enabled="true">80</port></instance></application></applications>';
    await using fake = await startFake(
      plain(200, gzipSync(xml), { "content-type": "application/xml", "content-encoding": "gzip" }),
    );
    await using registry = eurekaRegistry({ servers: fake.url });
    const set = await firstSet(registry);
    expect(set.nodes).toMatchObject([{ service: "A", id: "x", host: "10.0.0.1", port: 80 }]);
    expect(fake.headers()).toMatchObject({ accept: "application/json", "accept-encoding": "gzip" });
    expect(fake.headers()["x-netflix-discovery-replication"]).toBeUndefined();
    expect(fake.headers().authorization).toBeUndefined();
  });

  test("regions are asked for", async () => {
    await using fake = await startFake();
    await using registry = eurekaRegistry({ servers: fake.url, regions: ["east", "west"] });
    await registry.services();
    expect(fake.requests).toEqual(["GET /apps?regions=east,west"]);
  });

  test("an application that is not there is empty", async () => {
    await using fake = await startFake();
    await using registry = eurekaRegistry({ servers: fake.url });
    expect(await registry.read({ service: "a" }, AbortSignal.timeout(30_000))).toEqual({
      nodes: [],
    });
    expect(fake.requests).toEqual(["GET /apps/A"]);
  });

  test("a kept connection that the server closed is opened anew", async () => {
    await using fake = await startFake();
    await using registry = eurekaRegistry({ servers: fake.url });
    for (let round = 0; round < 3; round += 1) {
      await registry.services();
      await fake.stop();
      await fake.start();
    }
    await registry.services();
  });
});

describe("credentials", () => {
  const credentials = { username: "someone", password: "p@ss:wörd/%" };

  async function readWith(
    options: Omit<EurekaOptions, "servers">,
    userInfo = "",
  ): Promise<unknown> {
    await using server = await startEurekaServer({ credentials });
    await using registry = eurekaRegistry({
      ...options,
      servers: server.url.replace("//", `//${userInfo}`),
    });
    return await registry.services().catch((error: DiscoveryError) => error.code);
  }

  test("of the URL, of the options, and of a function", async () => {
    const { username, password } = credentials;
    const login = `${username}:${encodeURIComponent(password)}@`;
    expect(await readWith({}, login)).toEqual([]);
    expect(await readWith({ username, password })).toEqual([]);
    expect(await readWith({ username, password: () => password })).toEqual([]);
    expect(await readWith({ username, password: async () => password })).toEqual([]);
    expect(await readWith({ username, password: "wrong" }, login)).toEqual([]);
  });

  test("are never shown: not in errors, identity, or the registry itself", async () => {
    await using fake = await startFake(plain(401));
    const servers = fake.url.replace("//", "//someone:hunter2@");
    await using registry = eurekaRegistry({ servers, username: "other", password: "hunter3" });
    const error = await failure(registry);
    const { identity, name, traits } = registry;
    const shown = [error.message, error.stack, error.cause, identity, name, traits, registry];
    expect(shown.map((one) => inspect(one, { depth: 10 })).join()).not.toMatch(/hunter/);
    expect(JSON.stringify([error, registry])).not.toMatch(/hunter/);
    const basic = Buffer.from("someone:hunter2").toString("base64");
    expect(fake.headers().authorization).toBe(`Basic ${basic}`);
  });

  test("go to no other server than their own", async () => {
    await using first = await startFake(plain(503));
    await using second = await startFake(plain(503));
    const servers = [first.url.replace("//", "//a:1@"), second.url];
    await using registry = eurekaRegistry({ servers });
    await failure(registry);
    expect(first.headers().authorization).toBeDefined();
    expect(second.headers().authorization).toBeUndefined();
  });

  test("that do not come in time are a timeout", async () => {
    await using registry = eurekaRegistry({
      servers: "http://127.0.0.1:1/",
      username: "someone",
      password: () => new Promise<string>(() => undefined),
      timeouts: short,
    });
    expect((await failure(registry)).code).toBe("TIMEOUT");
  });

  test("that are wrong, missing or not to be had are AUTH", async () => {
    const { username } = credentials;
    expect(await readWith({})).toBe("AUTH");
    expect(await readWith({ username, password: "wrong" })).toBe("AUTH");
    const password = (): string => {
      throw new Error("the vault says hunter2");
    };
    await using registry = eurekaRegistry({ servers: "http://127.0.0.1:1/", username, password });
    const error = await failure(registry);
    expect(error.code).toBe("AUTH");
    expect(`${error.message} ${String(error.cause)}`).not.toContain("hunter2");
  });
});

describe("several servers", () => {
  async function cluster(limits = timeouts): Promise<
    AsyncDisposable & {
      readonly fakes: readonly [FakeServer, FakeServer, FakeServer];
      readonly registry: Registry;
    }
  > {
    const fakes = [
      await startFake(apps("x")),
      await startFake(apps("x")),
      await startFake(apps("x")),
    ] as const;
    const servers = fakes.map(({ url }) => url);
    const registry = eurekaRegistry({ servers, timeouts: limits, intervalMs: 50, random: () => 0 });
    return {
      fakes,
      registry,
      async [Symbol.asyncDispose]() {
        await registry[Symbol.asyncDispose]();
        await Promise.all(fakes.map((fake) => fake.stop()));
      },
    };
  }
  const counts = (fakes: readonly FakeServer[]): number[] =>
    fakes.map(({ requests }) => requests.length);

  test("the next one answers at once, and is kept", async () => {
    await using setup = await cluster();
    const { fakes, registry } = setup;
    fakes[0].answer = plain(500);
    expect(await registry.services()).toEqual(["A"]);
    expect(await registry.services()).toEqual(["A"]);
    expect(counts(fakes)).toEqual([1, 2, 0]);
    // A failing one comes last, also when it is the next in line.
    fakes[1].answer = plain(500);
    expect(await registry.services()).toEqual(["A"]);
    expect(counts(fakes)).toEqual([1, 3, 1]);
  });

  test.each([
    ["refuses", plain(401)],
    ["is not ready", plain(403)],
    ["shows a page", plain(200, "<html></html>")],
    ["lost its applications", plain(200, "{}", json)],
    ["hangs up", ((request) => request.socket.destroy()) satisfies FakeServer["answer"]],
  ])("one that %s is passed over", async (_, answer) => {
    await using setup = await cluster();
    setup.fakes[0].answer = answer;
    expect(await setup.registry.services()).toEqual(["A"]);
    expect(setup.fakes[1].requests).toHaveLength(1);
  });

  test("one that is silent is passed over", async () => {
    // As long for the others to answer as for it.
    await using setup = await cluster({ connectMs: 1_000, sendMs: 500, readMs: 1_000 });
    setup.fakes[0].answer = () => undefined;
    expect(await setup.registry.services()).toEqual(["A"]);
    expect(setup.fakes[1].requests).toHaveLength(1);
  });

  test("all are tried when all have failed, and the error that may mend is told", async () => {
    await using setup = await cluster();
    const { fakes, registry } = setup;
    fakes[0].answer = plain(401);
    fakes[1].answer = plain(503);
    fakes[2].answer = plain(401);
    expect((await failure(registry)).code).toBe("UNAVAILABLE");
    expect((await failure(registry)).code).toBe("UNAVAILABLE");
    expect(counts(fakes)).toEqual([2, 2, 2]);
    for (const fake of fakes) fake.answer = plain(401);
    expect((await failure(registry)).code).toBe("AUTH");
  });
});

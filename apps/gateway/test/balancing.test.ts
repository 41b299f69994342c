import { memoryBackend } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { loadText } from "./config-file.ts";
import { type EchoNode, echoNode, gatewayUnderTest, put, until } from "./gateway-under-test.ts";

const loaded = (upstream: string): ReturnType<typeof loadText> =>
  loadText(`listen: [{ port: 0 }]
routes:
  - id: r
    uri: /*
    upstream: { nodes: { "a:1": 1 }, ${upstream} }
`);

/** A node that fails when it is told to. */
async function fickleNode(name: string): Promise<EchoNode & { failing: boolean; asked: number }> {
  const state = { failing: false, asked: 0 };
  const node = await echoNode(name, (_request, response) => {
    state.asked += 1;
    response.statusCode = state.failing ? 500 : 200;
    response.end(name);
  });
  return Object.assign(state, node);
}

describe("what stands around an algorithm", () => {
  test("is off unless asked for", () => {
    const { config } = loaded("type: roundrobin");
    const options = config?.routes[0]?.upstream.balancing ?? {};
    expect(Object.values(options).filter((value) => value !== undefined)).toEqual([]);
  });

  test("outlier_ejection, warm_up_conf and zone_preference are the balancer's options", () => {
    const { config, lines } = loaded(
      `outlier_ejection: { consecutive_failures: 3, success_rate_stdevs: 2.5, success_rate_min_nodes: 4,
        success_rate_min_requests: 50, interval: 5, ejection_time: 0.5, max_ejection_time: 60,
        max_ejected_share: 0.5, panic_threshold: 0.25 },
      warm_up_conf: { slow_start_time_seconds: 20, min_weight_percent: 5, aggression: 2, interval: 1 },
      zone_preference: { zone: eu-1a, min_nodes: 2 }`,
    );
    expect(lines).toEqual([]);
    expect(config?.routes[0]?.upstream.balancing).toEqual({
      outlierEjection: {
        consecutiveFailures: 3,
        successRateStdevs: 2.5,
        successRateMinNodes: 4,
        successRateMinRequests: 50,
        intervalMs: 5_000,
        ejectionMs: 500,
        maxEjectionMs: 60_000,
        maxEjectedShare: 0.5,
        panicThreshold: 0.25,
      },
      slowStart: { windowMs: 20_000, minShare: 0.05, aggression: 2 },
      zonePreference: { zone: "eu-1a", minNodes: 2 },
    });
  });

  test("checks.passive is ejection as APISIX counts, and our own keys go over it", () => {
    const { config, lines } = loaded(
      `checks: { passive: { healthy: { successes: 3 }, unhealthy: { http_statuses: [500], http_failures: 3, timeouts: 0 } } },
      outlier_ejection: { ejection_time: 10 }`,
    );
    expect(lines).toEqual([
      expect.stringContaining("routes[0].upstream.checks.passive.healthy is not used"),
      expect.stringContaining(
        "routes[0].upstream.checks.passive.unhealthy.http_statuses is not used",
      ),
    ]);
    expect(config?.routes[0]?.upstream.balancing.outlierEjection).toEqual({
      consecutiveFailures: 0,
      consecutiveHttpFailures: 3,
      consecutiveTcpFailures: 2,
      consecutiveTimeouts: 0,
      successRateStdevs: 0,
      maxEjectedShare: 1,
      panicThreshold: 0,
      ejectionMs: 10_000,
    });
  });

  test("with type tcp statuses count for nothing", () => {
    const { config } = loaded("checks: { passive: { type: tcp } }");
    expect(config?.routes[0]?.upstream.balancing.outlierEjection).toMatchObject({
      consecutiveHttpFailures: 0,
      consecutiveTcpFailures: 2,
    });
  });

  test.each([
    [
      "checks: { pasive: {} }",
      'routes[0].upstream.checks.pasive is not a known key; did you mean "passive"?',
    ],
    [
      "warm_up_conf: { slow_start_time_seconds: 1, startup_grace_period_seconds: 1 }",
      "warm_up_conf.startup_grace_period_seconds is not supported in this version",
    ],
    ["warm_up_conf: {}", "warm_up_conf.slow_start_time_seconds is missing"],
    ["zone_preference: { min_nodes: 1 }", "zone_preference.zone is missing"],
    [
      "outlier_ejection: { consecutive_failures: -1 }",
      "consecutive_failures must be a whole number from 0 to 1000000",
    ],
    [
      "outlier_ejection: { max_ejected_share: 2 }",
      "max_ejected_share must be a number from 0 to 1",
    ],
    [
      "outlier_ejection: { ejection_time: 10, max_ejection_time: 5 }",
      "routes[0].upstream.outlier_ejection: outlierEjection.maxEjectionMs must be at least ejectionMs (10000), got 5000",
    ],
  ])("%s is refused", (upstream, message) => {
    const { config, lines } = loaded(upstream);
    expect(config).toBe(undefined);
    expect(lines.join("\n")).toContain(message);
  });
});

describe("a node whose requests fail", () => {
  test.each([
    ["outlier_ejection", "outlier_ejection: { consecutive_failures: 3, ejection_time: 600 }"],
    ["checks.passive", "checks: { passive: { unhealthy: { http_failures: 3 } } }"],
  ])("gets no more of them: %s", async (_name, keys) => {
    const [good, bad] = [await fickleNode("good"), await fickleNode("bad")];
    bad.failing = true;
    const nodes = `"127.0.0.1:${good.port}": 1, "127.0.0.1:${bad.port}": 1`;
    const { get, gateway, config } = await gatewayUnderTest(
      `routes: [{ id: r, uri: /*, upstream: { nodes: { ${nodes} }, ${keys} } }]\n`,
    );
    for (let times = 0; times < 40; times += 1) await get("/");
    expect(bad.asked).toBe(3);
    expect(good.asked).toBe(37);
    // What is known survives a reload that says the same.
    const same = `routes: [{ id: r, uri: /*, upstream: { nodes: { ${nodes} }, ${keys} } }]\ndrain_timeout: 50\n`;
    await gateway.reload(config(same));
    for (let times = 0; times < 10; times += 1) await get("/");
    expect(bad.asked).toBe(3);
  });

  test("gets them all the same when nothing is asked for", async () => {
    const [good, bad] = [await fickleNode("good"), await fickleNode("bad")];
    bad.failing = true;
    const nodes = `"127.0.0.1:${good.port}": 1, "127.0.0.1:${bad.port}": 1`;
    const { get } = await gatewayUnderTest(
      `routes: [{ id: r, uri: /*, upstream: { nodes: { ${nodes} } } }]\n`,
    );
    for (let times = 0; times < 40; times += 1) await get("/");
    expect(bad.asked).toBe(20);
  });
});

describe("zone_preference", () => {
  test("keeps requests in the zone, and leaves it when nothing is there", async () => {
    const [near, far] = [await fickleNode("near"), await fickleNode("far")];
    const backend = memoryBackend();
    put(backend, "S", near.port, { zone: "here" });
    put(backend, "S", far.port, { zone: "there" });
    const text = (zone: string): string =>
      `routes: [{ id: r, uri: /*, upstream: { service_name: S, zone_preference: { zone: ${zone} } } }]\n`;
    const { get, gateway, config } = await gatewayUnderTest(text("here"), backend);
    for (let times = 0; times < 10; times += 1) expect((await get("/")).text).toBe("near");
    await gateway.reload(config(text("nowhere")));
    const names = new Set<string>();
    for (let times = 0; times < 10; times += 1) names.add((await get("/")).text);
    expect([...names].toSorted()).toEqual(["far", "near"]);
  });
});

describe("warm_up_conf", () => {
  test("gives a newcomer little at first", async () => {
    const [old, young] = [await fickleNode("old"), await fickleNode("young")];
    const backend = memoryBackend();
    put(backend, "S", old.port);
    const { get, admin } = await gatewayUnderTest(
      "routes: [{ id: r, uri: /*, upstream: { service_name: S, warm_up_conf: { slow_start_time_seconds: 86400, min_weight_percent: 1 } } }]\n",
      backend,
    );
    expect((await get("/")).text).toBe("old");
    put(backend, "S", young.port);
    await until(async () => {
      const { services } = (await admin("/v1/discovery/eureka/dump")).json();
      return services.S.nodes.length === 2;
    }, "the newcomer");
    for (let times = 0; times < 200; times += 1) await get("/");
    expect(old.asked).toBeGreaterThan(150);
    expect(young.asked).toBeLessThan(50);
  });
});

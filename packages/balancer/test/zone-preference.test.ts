import assert from "node:assert/strict";

import { defineNode, type ServiceNode } from "@rollcall/core";
import { describe, test } from "vitest";

import { createBalancer, notTried, zonePreference } from "../src/index.ts";
import { algorithms, byShare, Load } from "./algorithms.ts";
import { weighted } from "./nodes.ts";

/** Nodes named by zone and number: `a0`, `a1`, `b0`… */
function zones(layout: Readonly<Record<string, number>>, priority = 0): ServiceNode[] {
  return Object.entries(layout).flatMap(([zone, count], place) =>
    Array.from({ length: count }, (_, index) =>
      defineNode({
        service: "s",
        host: `10.0.${place}.${index}`,
        port: 80,
        id: `${zone}${index}${priority === 0 ? "" : `p${priority}`}`,
        zone,
        priority,
      }),
    ),
  );
}

describe.each(algorithms)("around %s", (name, create) => {
  test("our own zone only, in equal shares", () => {
    const nodes = zones({ b: 4, a: 3, c: 4 });
    const local = nodes.filter(({ zone }) => zone === "a");
    for (const concurrency of [1, 30]) {
      const balancer = zonePreference(create(), { zone: "a" });
      const ids = new Load(balancer).run(() => nodes, 3_000, concurrency);
      const tolerance = name === "chash" ? 0.5 : 0.1;
      for (const share of byShare(ids, local)) assert.ok(Math.abs(share - 1) < tolerance);
    }
  });

  test("all zones when ours has none, or too few", () => {
    const nodes = zones({ b: 2, a: 1, c: 2 });
    for (const options of [{ zone: "x" }, { zone: "a", minNodes: 2 }]) {
      const ids = new Load(zonePreference(create(), options)).run(() => nodes, 500, 1);
      assert.equal(new Set(ids).size, 5);
    }
  });

  test("another zone when all of ours are skipped", () => {
    const nodes = zones({ a: 2, b: 2 });
    const balancer = zonePreference(create(), { zone: "a" });
    const picked = balancer.pick(nodes, "k", ({ zone }) => zone === "a");
    assert.equal(picked?.node.zone, "b");
    assert.equal(
      balancer.pick(nodes, "k", () => true),
      undefined,
    );
    assert.equal(balancer.pick(nodes, "k")?.node.zone, "a");
  });

  test("when our zone falls below its number nobody gets a burst, and what is in flight is remembered", () => {
    const before = zones({ a: 3, b: 3 });
    const after = before.slice(1);
    const load = new Load(zonePreference(create(), { zone: "a", minNodes: 3 }));
    assert.deepEqual(new Set(load.run(() => before, 300, 30)), new Set(["a0", "a1", "a2"]));
    const tolerance = name === "chash" ? 0.6 : 0.25;
    for (const nodes of [after, before.slice(0, 3), after]) {
      load.run(() => nodes, 60, 30);
      const shares = byShare(
        load.run(() => nodes, 600, 30),
        nodes,
      );
      for (const share of shares) assert.ok(Math.abs(share - 1) < tolerance, shares.join(" "));
    }
  });

  test("who skips sees the nodes that were given", () => {
    const nodes = zones({ a: 2, b: 2 });
    const balancer = zonePreference(create(), { zone: "a" });
    const seen = new Set<ServiceNode>();
    const picked = balancer.pick(nodes, "k", (node) => {
      seen.add(node);
      return node.id === "a0" || node.id === "b0";
    });
    assert.equal(picked?.node, nodes[1]);
    for (const node of seen) assert.ok(nodes.includes(node));
  });

  test("priority comes before zone", () => {
    const nodes = [...zones({ b: 2 }), ...zones({ a: 2, c: 1 }, -1)];
    const balancer = zonePreference(create(), { zone: "a" });
    for (let pick = 0; pick < 20; pick += 1) {
      assert.equal(balancer.pick(nodes)?.node.zone, "b");
      const backup = balancer.pick(nodes, undefined, ({ priority }) => priority === 0);
      assert.equal(backup?.node.zone, "a");
    }
  });
});

test("a zone whose nodes are all ejected counts as empty", () => {
  const nodes = zones({ a: 2, b: 6 });
  const balancer = createBalancer("roundrobin", {
    zonePreference: { zone: "a" },
    outlierEjection: { consecutiveFailures: 1, maxEjectedShare: 0.5 },
  });
  for (let request = 0; request < 2; request += 1) balancer.pick(nodes)?.done("tcp_failure", 1);
  const ids = new Load(balancer).run(() => nodes, 60, 1);
  assert.deepEqual([...new Set(ids)].sort(), ["b0", "b1", "b2", "b3", "b4", "b5"]);
});

describe("a node already tried", () => {
  test("nothing was tried: nothing to skip", () => {
    assert.equal(notTried([]), undefined);
  });

  test.each(algorithms)("retries go elsewhere: %s", (_, create) => {
    const balancer = create();
    const nodes = weighted([5, 3, 1]);
    for (let request = 0; request < 50; request += 1) {
      const tried: ServiceNode[] = [];
      for (let attempt = 0; attempt < 3; attempt += 1) {
        const picked = balancer.pick(nodes, `k${request}`, notTried(tried));
        assert.ok(picked !== undefined && !tried.includes(picked.node));
        picked.done("tcp_failure", 1);
        tried.push(picked.node);
      }
      assert.equal(balancer.pick(nodes, `k${request}`, notTried(tried)), undefined);
    }
  });

  test("two ids at one address are one node", () => {
    const [node] = weighted([1]);
    assert.ok(node !== undefined);
    const twin = defineNode({ ...node, id: "twin" });
    assert.equal(notTried([node])?.(twin), true);
    assert.equal(notTried([{ host: node.host, port: 99 }])?.(twin), false);
  });
});

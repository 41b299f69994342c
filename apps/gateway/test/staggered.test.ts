import { createBalancer } from "@rollcall/balancer";
import { defineNode } from "@rollcall/core";
import { expect, test } from "vitest";

import { staggered } from "../src/upstream/staggered.ts";

const nodes = [1, 2, 3, 4, 5, 6].map((port) => defineNode({ service: "S", host: "h", port }));

test.each(["roundrobin", "least_conn"] as const)(
  "%s: workers begin at different nodes, and each goes around all",
  (type) => {
    const turns = [0, 1, 2].map((worker) => {
      const balancer = staggered(createBalancer(type), type, worker / 3);
      expect(balancer.pick([])).toBeUndefined();
      return nodes.map(() => {
        const picked = balancer.pick(nodes)!;
        picked.done("ok", 1);
        return picked.node.port;
      });
    });
    expect(new Set(turns.map(([first]) => first)).size).toBe(3);
    for (const turn of turns) expect(new Set(turn).size).toBe(6);
  },
);

test("chash means the same node everywhere", () => {
  const balancer = createBalancer("chash");
  expect(staggered(balancer, "chash", 0.5)).toBe(balancer);
});

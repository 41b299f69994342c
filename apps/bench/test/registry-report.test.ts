import { describe, expect, it } from "vitest";

import { atMost, besidePlain } from "../src/registry/goals.ts";
import { turnOrder } from "../src/registry/measure.ts";
import { hostOf, idOf } from "../src/registry/side.ts";
import { tableHead, tableRow } from "../src/registry/table.ts";

describe("goals of the registry benchmark", () => {
  it("compare with the best of the others", () => {
    const values = { rollcall: 3, slow: 9, quick: 2 };
    expect(besidePlain(values, 1.5)).toEqual({ text: "<= 1.5 x quick", met: true });
    expect(besidePlain({ ...values, rollcall: 3.1 }, 1.5)).toMatchObject({ met: false });
  });

  it("say nothing when there is nothing to compare", () => {
    expect(besidePlain({ rollcall: 3 }, 1.5)).toBeUndefined();
    expect(besidePlain({ quick: 3, rollcall: undefined }, 1.5)).toBeUndefined();
    expect(atMost({ quick: 3 }, 10)).toBeUndefined();
  });
});

describe("the table of the registry benchmark", () => {
  const sides = ["rollcall", "node-zookeeper-client"];

  it("keeps its columns, a missing figure included", () => {
    const head = tableHead(sides);
    const row = tableRow(
      { what: "change to visible, p50, ms", values: { rollcall: 1.2345 } },
      sides,
    );
    expect(row).toHaveLength(head.length);
    expect(row).toContain(" 1.23 ");
    expect(row.endsWith("–")).toBe(true);
  });

  it("shows a missed goal", () => {
    const goal = { text: "<= 10", met: false };
    expect(tableRow({ what: "CPU", values: { rollcall: 124 }, goal }, sides)).toContain(
      "goal <= 10 MISSED",
    );
  });
});

describe("turns and nodes", () => {
  it("each round begins with another side", () => {
    const order = [0, 1, 2, 3].map((round) => turnOrder(["a", "b", "c"], round)[0]);
    expect(order).toEqual(["a", "b", "c", "a"]);
    expect(turnOrder([], 3)).toEqual([]);
  });

  it("an address leads back to its node", () => {
    for (const index of [0, 1, 255, 256, 9_999]) expect(idOf(hostOf(index))).toBe(`n${index}`);
  });
});

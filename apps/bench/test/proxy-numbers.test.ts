import fc from "fast-check";
import { describe, expect, it } from "vitest";

import { coresOf } from "../src/proxy/cores.ts";
import { countsOfLog } from "../src/proxy/loads/latency.ts";
import { countsOf } from "../src/proxy/loads/wrk.ts";
import { percentile, ratioOf, spreadOf } from "../src/proxy/statistics.ts";

describe("spreads", () => {
  it.each([
    [[3], { median: 3, min: 3, max: 3 }],
    [[3, 1], { median: 2, min: 1, max: 3 }],
    [[5, undefined, 1, 2], { median: 2, min: 1, max: 5 }],
    [[], undefined],
    [[undefined], undefined],
  ])("of %j", (values, spread) => {
    expect(spreadOf(values)).toEqual(spread);
  });

  it("has its median between its ends, whatever the order", () => {
    const figures = fc.array(fc.double({ noNaN: true, min: 0, max: 1e9 }), { minLength: 1 });
    fc.assert(
      fc.property(figures, (values) => {
        const spread = spreadOf(values)!;
        expect(spread.min).toBeLessThanOrEqual(spread.median);
        expect(spread.median).toBeLessThanOrEqual(spread.max);
        expect(spreadOf(values.toReversed())).toEqual(spread);
      }),
    );
  });

  it("of ratios pairs what was measured in the same round", () => {
    expect(ratioOf([20, 60, 90], [10, 20, 90])).toEqual({ median: 2, min: 1, max: 3 });
    expect(ratioOf([20, undefined, 90], [10, 20])).toEqual({ median: 2, min: 2, max: 2 });
    expect(ratioOf([20], [0])).toBeUndefined();
  });

  it("of percentiles takes the nearest rank", () => {
    const hundred = Array.from({ length: 100 }, (_, index) => index + 1);
    expect(percentile(hundred, 0.5)).toBe(50);
    expect(percentile(hundred, 0.99)).toBe(99);
    expect(percentile([7], 0.99)).toBe(7);
  });
});

describe("what the load generators say", () => {
  it("is read from wrk's report", () => {
    expect(countsOf("Running 1s test\nreport 1500 3 2000000 640 2100\n")).toEqual({
      requests: 1_500,
      errors: 3,
      seconds: 2,
      p50Us: 640,
      p99Us: 2_100,
    });
    expect(() => countsOf("unable to connect")).toThrow("no report: unable to connect");
  });

  it("is read from h2load's log, where a failed request has no good status", () => {
    const log = "1\t200\t300\n2\t200\t100\n3\t-1\t9000\n4\t502\t50\n";
    expect(countsOfLog(log, 2)).toEqual({
      requests: 4,
      errors: 2,
      seconds: 2,
      p50Us: 100,
      p99Us: 300,
    });
  });
});

it("lists of cores are read as taskset writes them", () => {
  expect(coresOf("0-2,4")).toEqual([0, 1, 2, 4]);
  expect(coresOf("7")).toEqual([7]);
  expect(coresOf("")).toEqual([]);
});

import { describe, expect, it } from "vitest";

import { judge } from "../src/proxy/gate.ts";
import { goalLines } from "../src/proxy/goals.ts";
import type { Sample } from "../src/proxy/load.ts";
import type { Row, Series } from "../src/proxy/series.ts";
import { tableOf } from "../src/proxy/table.ts";

function sample(cpuUs: number, more: Partial<Sample> = {}): Sample {
  return { cpuUs, residentBytes: 10 * 1_048_576, errors: 0, foreignShare: 0, ...more };
}

function row(target: string, cpuUs: readonly number[], more: Partial<Sample> = {}): Row {
  return { target, samples: cpuUs.map((us) => sample(us, more)) };
}

function small(...rows: readonly Row[]): Series {
  return { load: "small", title: "GET", compared: "cpuUs", rows };
}

describe("gate", () => {
  it("takes the median of the ratios of each round", () => {
    // Of the medians of both it would be 1.4.
    const series = small(row("nginx", [10, 20, 10, 10, 40]), row("gateway", [14, 20, 13, 13, 40]));
    expect(judge(series)).toEqual({ passed: true, text: "1.30 (1.00-1.40) x nginx, limit 1.35" });
  });

  it("fails above the limit", () => {
    expect(judge(small(row("nginx", [10]), row("gateway", [13.6]))).passed).toBe(false);
    expect(judge(small(row("nginx", [10]), row("gateway", [13.5]))).passed).toBe(true);
  });

  it("never passes on requests that failed, or on nothing", () => {
    const fast = row("gateway", [10], { errors: 2 });
    expect(judge(small(row("nginx", [10]), fast))).toEqual({
      passed: false,
      text: "gateway: 2 requests failed",
    });
    const gone = { target: "gateway", samples: [sample(10)], notServed: "it ended" };
    expect(judge(small(row("nginx", [10]), gone)).text).toBe("gateway: it ended");
    expect(judge(small(row("nginx", [10]), row("gateway", []))).passed).toBe(false);
    expect(judge(small(row("gateway", [10]))).passed).toBe(false);
  });
});

describe("goals", () => {
  it("compare in the direction in which they are stated", () => {
    const lines = goalLines([
      small(
        row("nginx", [10]),
        row("gateway", [12]),
        row("fast-proxy", [54]),
        row("fastify", [50]),
        row("fast-gateway", [20], { errors: 1 }),
        row("http-proxy", [90]),
      ),
    ]);
    expect(lines.map((line) => line.replaceAll(/ +/g, " "))).toEqual([
      "small: gateway / nginx 1.20 (1.20-1.20) goal <= 1.15 MISSED",
      "small: best of npm / gateway 4.17 (4.17-4.17) goal >= 4 met",
      "small: http-proxy / gateway 7.50 (7.50-7.50) goal >= 8 MISSED",
    ]);
  });

  it("are left out where nothing was measured for them", () => {
    expect(goalLines([])).toEqual([]);
    expect(goalLines([small(row("gateway", [12]))])).toEqual([]);
  });
});

describe("table", () => {
  it("shows each figure beside nginx's, and what makes it doubtful", () => {
    const series = small(
      row("nginx", [10, 12], { requestsPerSecond: 80_000, p50Us: 700, p99Us: 2_600 }),
      row("gateway", [12, 12], { errors: 1, foreignShare: 0.25 }),
      { target: "fastify", samples: [], notServed: "answered 500 to Upgrade" },
    );
    const lines = tableOf(series).split("\n");
    expect(lines[3]).toMatch(
      /^nginx +11\.0 \(10\.0-12\.0\) +1\.00 \(1\.00-1\.00\) +80000 +0\.70 +2\.60 +10$/,
    );
    expect(lines[4]).toMatch(
      /12\.0 \(12\.0-12\.0\) +1\.10 \(1\.00-1\.20\) .*2 ERRORS  noisy: 25 % foreign$/,
    );
    expect(lines[5]).toBe("fastify  not served: answered 500 to Upgrade");
  });
});

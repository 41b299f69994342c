import type { Row, Series } from "./series.ts";
import { ratioOf, type Spread, spreadOf } from "./statistics.ts";

/** What the gateway is to reach; ratios are of the figure that the load's table compares. */
interface Goal {
  readonly load: string;
  /** The target whose figure the gateway's is divided by, or, for `atLeast`, is divided by the gateway's. */
  readonly beside?: string | undefined;
  readonly atMost?: number | undefined;
  readonly atLeast?: number | undefined;
}

const npm = ["fast-proxy", "fast-gateway", "fastify", "http-proxy-3", "http-proxy"];
const bestOfNpm = "best of npm";
const kib = 1_024;

const goals: readonly Goal[] = [
  { load: "small", beside: "nginx", atMost: 1.15 },
  { load: "small", beside: bestOfNpm, atLeast: 4 },
  { load: "small", beside: "http-proxy", atLeast: 8 },
  { load: "large", beside: "nginx", atMost: 0.8 },
  { load: "large", beside: "nginx-64k", atMost: 1.3 },
  { load: "post", beside: "nginx", atMost: 1.25 },
  { load: "churn", beside: "nginx", atMost: 1.8 },
  { load: "latency", beside: "nginx", atMost: 1.3 },
  { load: "idle", atMost: 10 },
];

/** One line for each goal that this run can speak of; empty when it is none. */
export function goalLines(series: readonly Series[]): readonly string[] {
  return goals.flatMap((goal) => {
    const rows = series.find(({ load }) => load === goal.load);
    const measured = rows === undefined ? undefined : measure(goal, rows);
    return measured === undefined ? [] : [line(goal, measured)];
  });
}

function measure(goal: Goal, { rows, compared }: Series): Spread | undefined {
  const figures = (name: string | undefined): (number | undefined)[] =>
    rows.find(({ target }) => target === name)?.samples.map((sample) => sample[compared]) ?? [];
  const ours = figures("gateway");
  if (goal.beside === undefined) return spreadOf(ours.map((bytes) => bytes && bytes / kib));
  const name = goal.beside === bestOfNpm ? best(rows, figures) : goal.beside;
  return goal.atLeast === undefined ? ratioOf(ours, figures(name)) : ratioOf(figures(name), ours);
}

/** The proxy of npm with the lowest figure. Those that failed requests are out: failing is quick. */
function best(
  rows: readonly Row[],
  figures: (name: string) => readonly (number | undefined)[],
): string | undefined {
  const medians = rows
    .filter(
      ({ target, samples }) => npm.includes(target) && samples.every((one) => one.errors === 0),
    )
    .flatMap(({ target }) => {
      const spread = spreadOf(figures(target));
      return spread === undefined ? [] : [{ target, median: spread.median }];
    });
  return medians.toSorted((a, b) => a.median - b.median)[0]?.target;
}

function line(goal: Goal, { median, min, max }: Spread): string {
  const { load, beside, atMost, atLeast } = goal;
  const what =
    beside === undefined
      ? `${load}: KiB a connection`
      : atLeast === undefined
        ? `${load}: gateway / ${beside}`
        : `${load}: ${beside} / gateway`;
  const met = median <= (atMost ?? Infinity) && median >= (atLeast ?? 0);
  const bound = atMost === undefined ? `>= ${atLeast}` : `<= ${atMost}`;
  const figures = `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
  return `${what.padEnd(36)} ${figures.padStart(20)}  goal ${bound.padEnd(8)} ${met ? "met" : "MISSED"}`;
}

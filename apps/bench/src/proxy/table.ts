import type { Load, Sample } from "./load.ts";
import type { Row, Series } from "./series.ts";
import { ratioOf, type Spread, spreadOf } from "./statistics.ts";

/** The target that all others are compared with. */
export const baseline = "nginx";

/** Above this share of foreign work on its core, a row is marked. */
const noisyShare = 0.1;

interface Column {
  readonly head: string;
  readonly width: number;
  readonly cell: (row: Row, base: Row | undefined) => string;
}

const units: Readonly<Record<Load["compared"], readonly [head: string, divisor: number]>> = {
  cpuUs: ["CPU us/req", 1],
  p99Us: ["p99 us", 1],
  connectionBytes: ["KiB/conn", 1_024],
};

/** One series as text: the compared figure, its ratio to the baseline of the same round, then the rest. */
export function tableOf(series: Series): string {
  const base = series.rows.find(({ target }) => target === baseline);
  const columns = columnsOf(series.compared);
  const heads = columns.map(({ head, width }) => head.padStart(width)).join("  ");
  const lines = series.rows.map((row) => {
    const name = row.target.padEnd(16);
    if (row.samples.length === 0) return `${name}  not served: ${row.notServed ?? "not asked"}`;
    const cells = columns.map(({ cell, width }) => cell(row, base).padStart(width)).join("  ");
    return `${name}  ${cells}${remarks(row)}`;
  });
  return [`\n${series.load}: ${series.title}`, `${"".padEnd(16)}  ${heads}`, ...lines].join("\n");
}

function columnsOf(compared: Load["compared"]): readonly Column[] {
  const [head, divisor] = units[compared];
  const figure: Column = {
    head: `${head} (min-max)`,
    width: 22,
    cell: ({ samples }) => withEnds(spreadOf(values(samples, compared)), divisor, 1),
  };
  const ratio: Column = {
    head: `x ${baseline} (min-max)`,
    width: 20,
    cell: ({ samples }, base) =>
      withEnds(ratioOf(values(samples, compared), values(base?.samples ?? [], compared)), 1, 2),
  };
  const others: readonly (readonly [string, keyof Sample, number, number])[] = [
    ["CPU us/req", "cpuUs", 1, 1],
    ["req/s", "requestsPerSecond", 1, 0],
    ["p50 ms", "p50Us", 1_000, 2],
    ["p99 ms", "p99Us", 1_000, 2],
    ["RSS MiB", "residentBytes", 1_048_576, 0],
  ];
  const rest = others
    .filter(([, key]) => key !== compared)
    .map(([name, key, by, digits]) => ({
      head: name,
      width: Math.max(8, name.length),
      cell: ({ samples }: Row) => middle(spreadOf(values(samples, key)), by, digits),
    }));
  return [figure, ratio, ...rest];
}

function values(samples: readonly Sample[], key: keyof Sample): (number | undefined)[] {
  return samples.map((sample) => sample[key]);
}

function withEnds(spread: Spread | undefined, divisor: number, digits: number): string {
  if (spread === undefined) return "-";
  const [median, min, max] = [spread.median, spread.min, spread.max].map((value) =>
    (value / divisor).toFixed(digits),
  );
  return `${median} (${min}-${max})`;
}

function middle(spread: Spread | undefined, divisor: number, digits: number): string {
  return spread === undefined ? "-" : (spread.median / divisor).toFixed(digits);
}

function remarks({ samples, notServed }: Row): string {
  const errors = samples.reduce((sum, sample) => sum + sample.errors, 0);
  const noisy = Math.max(...samples.map(({ foreignShare }) => foreignShare));
  return [
    ...(errors > 0 ? [`  ${errors} ERRORS`] : []),
    ...(noisy > noisyShare ? [`  noisy: ${Math.round(noisy * 100)} % foreign`] : []),
    ...(notServed === undefined ? [] : [`  then: ${notServed}`]),
  ].join("");
}

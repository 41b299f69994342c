import type { Load, Sample } from "./load.ts";
import type { Row, Series } from "./series.ts";
import { ratioOf, type Spread, spreadOf } from "./statistics.ts";

/** The target that all others are compared with. */
export const baseline = "nginx";

/** Above this share of foreign work on its core, a row is marked. */
const noisyShare = 0.1;

/** Head, what the sample is divided by, and digits. */
type Figure = readonly [head: string, divisor: number, digits: number];

type Cell = (row: Row, base: Row | undefined) => string;

const compared: Readonly<Record<Load["compared"], Figure>> = {
  cpuUs: ["CPU us/req", 1, 1],
  p99Us: ["p99 ms", 1_000, 2],
  connectionBytes: ["KiB/conn", 1_024, 1],
};

const others: readonly (readonly [keyof Sample, Figure])[] = [
  ["cpuUs", ["CPU us/req", 1, 1]],
  ["requestsPerSecond", ["req/s", 1, 0]],
  ["p50Us", ["p50 ms", 1_000, 2]],
  ["p99Us", ["p99 ms", 1_000, 2]],
  ["residentBytes", ["RSS MiB", 1_048_576, 0]],
];

/** One series as text: the compared figure, its ratio to the baseline of the same round, then the rest. */
export function tableOf(series: Series): string {
  const base = series.rows.find(({ target }) => target === baseline);
  const columns = columnsOf(series);
  const served = series.rows.filter(({ samples }) => samples.length > 0);
  const cells = new Map(served.map((row) => [row, columns.map(([, cell]) => cell(row, base))]));
  const nameWidth = Math.max(...series.rows.map(({ target }) => target.length));
  const widths = columns.map(([head], index) =>
    Math.max(head.length, ...[...cells.values()].map((texts) => texts[index]?.length ?? 0)),
  );
  const padded = (texts: readonly string[]): string =>
    texts.map((text, index) => text.padStart(widths[index] ?? 0)).join("  ");
  return [
    `\n${series.load}: ${series.title}`,
    `${" ".repeat(nameWidth)}  ${padded(columns.map(([head]) => head))}`,
    ...series.rows.map((row) => {
      const name = row.target.padEnd(nameWidth);
      const texts = cells.get(row);
      if (texts === undefined) return `${name}  not served: ${row.notServed ?? "not asked"}`;
      return `${name}  ${padded(texts)}${remarks(row)}`;
    }),
  ].join("\n");
}

function columnsOf({ compared: key, rows }: Series): readonly (readonly [string, Cell])[] {
  const [head, divisor, digits] = compared[key];
  const rest = others.filter(
    ([other]) =>
      other !== key && rows.some(({ samples }) => spreadOf(values(samples, other)) !== undefined),
  );
  return [
    [
      `${head} (min-max)`,
      ({ samples }) => withEnds(spreadOf(values(samples, key)), divisor, digits),
    ],
    [
      `x ${baseline} (min-max)`,
      ({ samples }, base) =>
        withEnds(ratioOf(values(samples, key), values(base?.samples ?? [], key)), 1, 2),
    ],
    ...rest.map(([other, [name, by, places]]): readonly [string, Cell] => [
      name,
      ({ samples }) => middle(spreadOf(values(samples, other)), by, places),
    ]),
  ];
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

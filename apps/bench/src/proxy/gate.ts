import type { Row, Series } from "./series.ts";
import { ratioOf, type Spread } from "./statistics.ts";

/** CPU of the gateway per small GET, in that of nginx. */
export const gateLimit = 1.35;

/** Interleaved rounds of one block. */
export const gateRounds = 5;

/** Blocks that may fail: one may have met a busy machine, two in a row tell. */
export const gateBlocks = 2;

/** How a block came out. */
export interface GateVerdict {
  readonly passed: boolean;
  readonly text: string;
}

/**
 * Judges a block: the median over its rounds of the gateway's CPU per request in nginx's of the same round.
 *
 * A block with failed requests, or in which one of both did not serve, has not passed.
 */
export function judge(series: Series): GateVerdict {
  const [ours, theirs] = ["gateway", "nginx"].map((name) =>
    series.rows.find(({ target }) => target === name),
  );
  if (ours === undefined || theirs === undefined) return failed("gateway and nginx were not run");
  for (const row of [ours, theirs]) {
    if (row.notServed !== undefined) return failed(`${row.target}: ${row.notServed}`);
    const errors = row.samples.reduce((sum, sample) => sum + sample.errors, 0);
    if (errors > 0) return failed(`${row.target}: ${errors} requests failed`);
  }
  const ratio = ratioOf(cpu(ours), cpu(theirs));
  if (ratio === undefined) return failed("nothing was measured");
  return { passed: ratio.median <= gateLimit, text: `${shown(ratio)} x nginx, limit ${gateLimit}` };
}

function failed(text: string): GateVerdict {
  return { passed: false, text };
}

function cpu(row: Row): (number | undefined)[] {
  return row.samples.map(({ cpuUs }) => cpuUs);
}

function shown({ median, min, max }: Spread): string {
  return `${median.toFixed(2)} (${min.toFixed(2)}-${max.toFixed(2)})`;
}

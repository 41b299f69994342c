import { setTimeout as sleep } from "node:timers/promises";

const mebi = 1_048_576;

/** Memory of a gateway at one moment, in bytes. */
export interface MemorySample {
  readonly rss: number;
  readonly heap: number;
}

/** What the gateway says of itself on `/metrics`. */
export async function readMetrics(adminPort: number): Promise<ReadonlyMap<string, number>> {
  const response = await fetch(`http://127.0.0.1:${adminPort}/metrics`);
  const values = new Map<string, number>();
  for (const line of (await response.text()).split("\n")) {
    const [, name, value] = /^(\w+) (\S+)$/.exec(line) ?? [];
    if (name !== undefined) values.set(name, Number(value));
  }
  return values;
}

/** Samples memory until `signal` is aborted. */
export async function watchMemory(
  adminPort: number,
  everyMs: number,
  signal: AbortSignal,
): Promise<MemorySample[]> {
  const samples: MemorySample[] = [];
  while (!signal.aborted) {
    const values = await readMetrics(adminPort);
    const rss = values.get("process_resident_memory_bytes") ?? Number.NaN;
    const heap = values.get("nodejs_heap_size_used_bytes") ?? Number.NaN;
    samples.push({ rss, heap });
    await sleep(everyMs, undefined, { signal }).catch(() => undefined);
  }
  return samples;
}

/** How memory developed: of the first and of the last window after warm-up. */
export interface Growth {
  readonly before: number;
  readonly after: number;
  /** More than `before` by chance: a tenth and a few MiB. */
  readonly most: number;
}

/**
 * Compares the third after the first quarter with the last: of the resident set its median, of the heap
 * its least, for what is garbage comes and goes.
 */
export function growth(samples: readonly MemorySample[]): {
  readonly rss: Growth;
  readonly heap: Growth;
} {
  const warm = samples.slice(Math.floor(samples.length / 4));
  const third = Math.floor(warm.length / 3);
  const [first, last] = [warm.slice(0, third), warm.slice(-third)];
  const compare = (of: (window: readonly MemorySample[]) => number, slack: number): Growth => {
    const before = of(first);
    return { before, after: of(last), most: before * 1.1 + slack };
  };
  return {
    rss: compare((window) => median(window.map(({ rss }) => rss)), 16 * mebi),
    heap: compare((window) => Math.min(...window.map(({ heap }) => heap)), 4 * mebi),
  };
}

/** In MiB, for people. */
export function shown({ before, after, most }: Growth): string {
  const [a, b, c] = [before, after, most].map((bytes) => (bytes / mebi).toFixed(1));
  return `${a} → ${b} MiB (at most ${c})`;
}

function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;
}

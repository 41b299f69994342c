import { cpuMs, heapBytes, median } from "../measure.ts";
import type { Side } from "./side.ts";

/** Nodes of the large service. */
export const largeCount = 10_000;
const changes = 20;

/** Asks the parent, who writes behind our backs. */
export type Change = (index: number, version: string) => Promise<void>;

/** CPU of one change in a large service, from the write to the consumer's new list, in ms; memory per node. */
export async function large(
  side: Side,
  change: Change,
): Promise<{ readonly cpuMs: number; readonly bytesPerNode: number }> {
  let seen: (versions: ReadonlyMap<string, string>) => void = () => undefined;
  const before = heapBytes();
  const whole = new Promise<void>((resolve) => {
    seen = (versions) => {
      if (versions.size === largeCount) resolve();
    };
  });
  await side.watch("large", (versions) => seen(versions));
  await whole;
  seen = () => undefined;
  const bytesPerNode = (heapBytes() - before) / largeCount;
  const times: number[] = [];
  for (let round = 0; round < changes; round += 1) {
    const index = (round * 7919) % largeCount;
    const version = `c${round}`;
    const shown = new Promise<void>((resolve) => {
      seen = (versions) => {
        if (versions.get(`n${index}`) === version) resolve();
      };
    });
    const startedAtMs = cpuMs();
    await change(index, version);
    await shown;
    times.push(cpuMs() - startedAtMs);
  }
  return { cpuMs: median(times.slice(5)), bytesPerNode };
}

import assert from "node:assert/strict";
import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What is reachable now, in bytes. */
export function heapBytes(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** Runs ten rounds and fails when they leave more behind than a warm-up explains. */
export async function inConstantMemory(round: (index: number) => Promise<void>): Promise<void> {
  const rounds: number[] = [];
  for (let index = 0; index < 10; index += 1) {
    await round(index);
    rounds.push(heapBytes());
  }
  const growth = (rounds.at(-1) ?? 0) - (rounds[1] ?? 0);
  assert.ok(growth < 2 * 1024 * 1024, `the heap grew by ${growth} bytes: ${rounds.join()}`);
}

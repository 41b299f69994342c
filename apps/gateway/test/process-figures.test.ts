import { expect, test } from "vitest";

import {
  OtherFigures,
  type ProcessFigures,
  renderTogether,
} from "../src/metrics/process-figures.ts";

/** What a process says that has used so much of the CPU, in s. */
function used(seconds: number): ProcessFigures {
  const name = "process_cpu_seconds_total";
  const values = [{ value: seconds, labels: {} }];
  return [
    { name, help: "CPU.", type: "counter", values, aggregator: "sum" },
  ] as unknown as ProcessFigures;
}

async function total(others: OtherFigures): Promise<number> {
  const text = await renderTogether(used(0), others.all);
  return Number(/^process_cpu_seconds_total (\d+)$/m.exec(text)?.[1]);
}

test("what processes counted is never less, also while they end together", async () => {
  const others = new OtherFigures();
  for (const id of [1, 2, 3, 4]) others.set(id, used(10 ** id));
  for (const id of [1, 2, 3]) {
    others.end(id);
    expect(await total(others)).toBe(11_110);
  }
  for (let turn = 0; turn < 5; turn += 1) await new Promise((resolve) => setImmediate(resolve));
  expect(await total(others)).toBe(11_110);
  expect(others.all.length).toBeLessThan(3);
});

import { setTimeout as pause } from "node:timers/promises";

import { median } from "../../measure.ts";
import { atMost } from "../goals.ts";
import { eachSide, type Measure } from "../measure.ts";

/** Nodes of the large service. */
const count = 10_000;
const changes = 20;
const warmUp = 5;
const afterMs = 1_000;

/** What one change in a large service costs its consumers. All of them follow it at once. */
export const large: Measure = {
  name: "large",
  about: `CPU of a consumer for one change in a service of ${count} nodes, and memory per node`,
  async run(bed) {
    await bed.server.fill("large", 0, count);
    const bytes: Record<string, number> = {};
    // One after the other: whole services at once would time each other out.
    const handles = new Map<string, ReturnType<typeof bed.start>>();
    for (const side of bed.sides) {
      const begun = await eachSide(bed, [side], async (name) => {
        const handle = bed.start(name);
        bytes[name] = await handle.call("largeBegin", "large", count);
        return handle;
      });
      for (const [name, handle] of begun) handles.set(name, handle);
    }
    const seenMs: Record<string, number[]> = {};
    const wholeMs: Record<string, number[]> = {};
    for (let round = 0; round < changes; round += 1) {
      const index = (round * 7_919) % count;
      const version = `c${round}`;
      const live = [...handles.keys()];
      const handleOf = (side: string) => handles.get(side) as ReturnType<typeof bed.start>;
      await eachSide(bed, live, (side) => handleOf(side).call("largeArm", index, version));
      await bed.server.change("large", index, version);
      const seen = await eachSide(bed, live, (side) => handleOf(side).call("largeSeen"));
      // What a client does after it has shown a change is paid for as well.
      await pause(afterMs);
      const after = await eachSide(bed, [...seen.keys()], (side) =>
        handleOf(side).call("largeAfter"),
      );
      for (const side of live) if (!after.has(side)) handles.delete(side);
      for (const [side, ms] of seen) (seenMs[side] ??= []).push(ms);
      for (const [side, ms] of after) (wholeMs[side] ??= []).push(ms);
    }
    const medians = (all: Readonly<Record<string, number[]>>) =>
      Object.fromEntries(
        Object.entries(all).map(([side, times]) => [side, median(times.slice(warmUp))]),
      );
    const what = `one change in ${count} nodes, ms CPU`;
    return {
      rows: [
        { what: `${what} until seen`, values: medians(seenMs), goal: atMost(medians(seenMs), 10) },
        { what: `${what} and the second after`, values: medians(wholeMs) },
        { what: "memory per node, bytes", values: bytes, goal: atMost(bytes, 1_024) },
      ],
      samples: { seenMs, wholeMs, bytes },
    };
  },
};

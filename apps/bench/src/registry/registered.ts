import { pause } from "./pause.ts";
import type { Side } from "./side.ts";

/** Nodes that are registered and do not change. */
export const registeredCount = 1_000;
const settleMs = 5_000;
const measureMs = 30_000;

/** What keeping registrations alive takes while nothing else happens; the parent counts. */
export async function registered(
  side: Side,
  mark: (moment: "begin" | "end") => Promise<void>,
): Promise<{ readonly seconds: number }> {
  for (let from = 0; from < registeredCount; from += 50) {
    const some = Array.from({ length: 50 }, (_, at) => from + at);
    await Promise.all(some.map((at) => side.register(`registered-${at}`, "1")));
  }
  await pause(settleMs);
  await mark("begin");
  await pause(measureMs);
  await mark("end");
  return { seconds: measureMs / 1_000 };
}

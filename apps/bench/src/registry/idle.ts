import { pause } from "./pause.ts";
import type { Side } from "./side.ts";

/** Services that are watched and do not change. */
export const idleCount = 1_000;
const settleMs = 5_000;
const measureMs = 30_000;

/** What went over the wire while nothing changed; the parent counts. */
export async function idle(
  side: Side,
  mark: (moment: "begin" | "end") => Promise<void>,
): Promise<{ readonly seconds: number; readonly watched: number }> {
  let watched = 0;
  const all = Array.from({ length: idleCount }, async (_, at) => {
    await side.watch(`idle-${at}`, () => undefined);
    watched += 1;
  });
  // Some clients never get that far; what they do meanwhile is measured all the same.
  await Promise.race([Promise.all(all), pause(settleMs * 4)]);
  await pause(settleMs);
  await mark("begin");
  await pause(measureMs);
  await mark("end");
  return { seconds: measureMs / 1_000, watched };
}

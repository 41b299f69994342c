import { percentile } from "../../proxy/statistics.ts";
import { eachSide, type Goal, type Measure, turnOrder } from "../measure.ts";
import { besidePlain } from "../goals.ts";

/** How soon a watching consumer sees a change. */
export const visible: Measure = {
  name: "visible",
  about: "from the call that changes a node to the consumer that sees it",
  async run(bed) {
    const { backend, amounts, settings } = bed;
    const { rounds } = amounts;
    const perTurn = Math.ceil((amounts.changes ?? backend.changes) / rounds);
    const pauseMs = settings.intervalMs ?? 0;
    const handles = await eachSide(bed, bed.sides, async (side) => {
      const handle = bed.start(side);
      await handle.call("visibleBegin", `visible-${side}`);
      const warmUp = Math.min(100, perTurn);
      await handle.call("visibleTurn", `visible-${side}`, "warm", warmUp, pauseMs);
      return handle;
    });
    const samples: Record<string, number[][]> = {};
    for (let round = 0; round < rounds; round += 1) {
      for (const side of turnOrder([...handles.keys()], round)) {
        const turn = await eachSide(bed, [side], (name) =>
          (handles.get(name) as NonNullable<ReturnType<typeof handles.get>>).call(
            "visibleTurn",
            `visible-${name}`,
            `r${round}`,
            perTurn,
            pauseMs,
          ),
        );
        const times = turn.get(side);
        if (times === undefined) handles.delete(side);
        else (samples[side] ??= []).push(times);
      }
    }
    const figures = [0.5, 0.99, 1].map((share) => ({
      share,
      values: Object.fromEntries(
        Object.entries(samples).map(([side, turns]) => [
          side,
          percentile(
            turns.flat().toSorted((a, b) => a - b),
            share,
          ),
        ]),
      ),
    }));
    const rows = figures.map(({ share, values }) => ({
      what: `change to visible, ${share === 1 ? "slowest" : `p${share * 100}`}, ms`,
      values,
      goal: share === 1 ? undefined : goalOf(values, settings.intervalMs),
    }));
    return { rows, samples };
  },
};

function goalOf(
  values: Readonly<Record<string, number>>,
  intervalMs: number | undefined,
): Goal | undefined {
  const ours = values["rollcall"];
  if (ours === undefined) return undefined;
  if (intervalMs === undefined) return besidePlain(values, 1.5);
  return { text: `<= interval ${intervalMs} + 50`, met: ours <= intervalMs + 50 };
}

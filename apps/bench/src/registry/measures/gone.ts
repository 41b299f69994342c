import { percentile } from "../../proxy/statistics.ts";
import { besidePlain } from "../goals.ts";
import { eachSide, type Measure, turnOrder } from "../measure.ts";

const atOnce = 4;
/** Records that stay: Eureka removes at most 15 % of all that it holds at a time. */
const staying = 100;
/**
 * How long a provider lives before it is killed, beyond the moment it is seen: with default leases until each client has
 * sent a heartbeat, for Eureka counts a lease twice from then on, and then for some part of a heartbeat.
 */
const defaultLife = { leastMs: 35_000, phaseMs: 30_000 };
const shortLife = { leastMs: 0, phaseMs: 1_000 };
/** A part of a heartbeat on the way decides between two medians of a few kills. */
const tolerance = 1.1;

/** How long a provider that was killed stays with a consumer. */
export const gone: Measure = {
  name: "gone",
  about: "from kill -9 of a provider to the consumer that is without it, shortest lease",
  lease: "shortest",
  async run(bed) {
    const { kills, rounds } = bed.amounts;
    const turns = Math.max(1, Math.min(rounds, Math.ceil(kills / atOnce)));
    const perTurn = Math.ceil(kills / turns);
    const isDefault = bed.settings.lease === "default";
    await bed.server.fill("staying", 0, staying);
    const handles = await eachSide(bed, bed.sides, async (side) => bed.start(side));
    const samples: Record<string, number[]> = {};
    const turn = async (side: string, round: number): Promise<void> => {
      const services = Array.from({ length: perTurn }, (_, at) => `gone-${side}-${round}-${at}`);
      for (const service of services) await bed.server.fill(service, 1, 1);
      const found = await eachSide(bed, [side], (name) =>
        (handles.get(name) as ReturnType<typeof bed.start>).call(
          "goneTurn",
          services,
          isDefault ? defaultLife : shortLife,
        ),
      );
      const times = found.get(side);
      if (times === undefined) handles.delete(side);
      else (samples[side] ??= []).push(...times);
    };
    for (let round = 0; round < turns; round += 1) {
      const order = turnOrder([...handles.keys()], round);
      // Minutes of waiting are waited for together.
      if (isDefault) await Promise.all(order.map((side) => turn(side, round)));
      else for (const side of order) await turn(side, round);
    }
    const figures = (share: number) =>
      Object.fromEntries(
        Object.entries(samples).map(([side, times]) => [
          side,
          percentile(
            times.toSorted((a, b) => a - b),
            share,
          ) / 1_000,
        ]),
      );
    const what = `killed to gone, ${isDefault ? "default" : "shortest"} lease, s`;
    return {
      rows: [
        {
          what: `${what}, median`,
          values: figures(0.5),
          goal: besidePlain(figures(0.5), tolerance),
        },
        { what: `${what}, longest`, values: figures(1) },
      ],
      samples,
    };
  },
};

import type { Goal } from "./measure.ts";

/** Ours at most so many times the best of the others; `undefined` when there is none to compare with. */
export function besidePlain(
  values: Readonly<Record<string, number | undefined>>,
  times: number,
): Goal | undefined {
  const ours = values["rollcall"];
  const others = Object.entries(values).flatMap(([side, value]) =>
    side === "rollcall" || value === undefined ? [] : [{ side, value }],
  );
  const best = others.toSorted((a, b) => a.value - b.value)[0];
  if (ours === undefined || best === undefined) return undefined;
  return { text: `<= ${times} x ${best.side}`, met: ours <= times * best.value };
}

/** Ours at most so much. */
export function atMost(
  values: Readonly<Record<string, number | undefined>>,
  most: number,
): Goal | undefined {
  const ours = values["rollcall"];
  return ours === undefined ? undefined : { text: `<= ${most}`, met: ours <= most };
}

import type { Random } from "./random.ts";

const near = 256;
const further = 16;

/** Calls with each offset inside of a range up to its 256th byte, and with sixteen beyond. */
export function everyCut(
  from: number,
  to: number,
  random: Random,
  cutAt: (offset: number) => void,
): void {
  const nearEnd = Math.min(to, from + near);
  for (let at = from + 1; at < nearEnd; at += 1) cutAt(at);
  if (nearEnd === to) return;
  for (let count = 0; count < further; count += 1) cutAt(nearEnd + random.int(to - nearEnd));
}

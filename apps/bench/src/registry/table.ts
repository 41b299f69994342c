import type { Row } from "./measure.ts";

const whatWidth = 58;

/** The line above a registry's rows. */
export function tableHead(sides: readonly string[]): string {
  return " ".repeat(whatWidth) + sides.map((side) => cell(side, side)).join("");
}

/** One row; a missed goal stands out. */
export function tableRow({ what, values, goal }: Row, sides: readonly string[]): string {
  const figures = sides.map((side) => cell(shown(values[side]), side)).join("");
  const judged = goal === undefined ? "" : `  goal ${goal.text} ${goal.met ? "met" : "MISSED"}`;
  return what.padEnd(whatWidth) + figures + judged;
}

function cell(text: string, side: string): string {
  return ` ${text.padStart(Math.max(10, side.length))}`;
}

function shown(value: number | undefined): string {
  if (value === undefined || Number.isNaN(value)) return "–";
  if (value === 0) return "0";
  return value >= 100 ? value.toFixed(0) : value.toPrecision(3);
}

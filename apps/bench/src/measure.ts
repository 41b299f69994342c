import { setFlagsFromString } from "node:v8";
import { runInNewContext } from "node:vm";

import { defineNode, type ServiceNode } from "@rollcall/core";

setFlagsFromString("--expose-gc");
const collect = runInNewContext("gc") as () => void;

/** What is reachable now, in bytes. */
export function heapBytes(): number {
  collect();
  collect();
  return process.memoryUsage().heapUsed;
}

/** CPU time of this process so far, all threads, in ms. */
export function cpuMs(): number {
  const { user, system } = process.cpuUsage();
  return (user + system) / 1_000;
}

/** A service of `count` nodes with metadata as registries hold it. */
export function serviceOf(count: number): ServiceNode[] {
  return Array.from({ length: count }, (_, index) => nodeOf(index));
}

/** One node of that service, in a given version. */
export function nodeOf(index: number, version = "1"): ServiceNode {
  return defineNode({
    service: "orders",
    id: `orders-${String(index).padStart(5, "0")}`,
    host: `10.${index >> 16}.${(index >> 8) & 255}.${index & 255}`,
    port: 8080,
    zone: `zone-${index % 3}`,
    metadata: { version, "management.port": "8081" },
  });
}

/** Prints one result beside its goal; a missed one makes the run fail. */
export function report(what: string, value: number, unit: string, atMost: number): void {
  const met = value <= atMost;
  if (!met) process.exitCode = 1;
  const shown = value >= 100 ? value.toFixed(0) : value.toPrecision(3);
  console.log(
    `${what.padEnd(56)} ${shown.padStart(8)} ${unit}  goal <= ${atMost} ${met ? "met" : "MISSED"}`,
  );
}

/** The middle of several measurements. */
export function median(values: readonly number[]): number {
  return values.toSorted((a, b) => a - b)[values.length >> 1] ?? Number.NaN;
}

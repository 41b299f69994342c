import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { expectBody } from "../http-probe.ts";
import type { Load } from "../load.ts";
import { type Counts, metered } from "../metered.ts";
import { smallBytes, startStaticNode } from "../nodes/static-node.ts";
import { runTool } from "../run-tool.ts";
import { percentile } from "../statistics.ts";

import { requestFields } from "./request-fields.ts";

const connections = 16;
const perSecond = 2_000;
const warmUpSeconds = 1;

/** How long answers take when the proxy is not busy: requests come by the clock, not after the last answer. */
export const latency: Load = {
  name: "latency",
  title: `GET of ${smallBytes} bytes, ${perSecond} req/s on ${connections} connections`,
  compared: "p99Us",
  startNode: startStaticNode,
  probe: ({ origin }) => expectBody(`${origin}/`, smallBytes),
  run: async (subject, seconds) => {
    await h2load(`${subject.origin}/`, warmUpSeconds);
    return metered(subject, () => h2load(`${subject.origin}/`, seconds));
  },
};

async function h2load(url: string, seconds: number): Promise<Counts> {
  const directory = mkdtempSync(join(tmpdir(), "rollcall-h2load-"));
  const logFile = join(directory, "log");
  try {
    await runTool("h2load", [
      "--h1",
      "-t1",
      `-c${connections}`,
      `--rps=${perSecond / connections}`,
      `-D${seconds}`,
      `--log-file=${logFile}`,
      ...Object.entries(requestFields).flatMap(([name, value]) => ["-H", `${name}: ${value}`]),
      url,
    ]);
    return countsOfLog(readFileSync(logFile, "utf8"), seconds);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Reads a log of h2load: start in µs, status or -1, µs until the end of the answer; one line a request. */
export function countsOfLog(text: string, seconds: number): Counts {
  const rows = text
    .split("\n")
    .filter((line) => line !== "")
    .map((line) => line.split("\t").map(Number));
  const good = rows.filter(([, status]) => status === 200);
  const times = good.map(([, , us = 0]) => us).toSorted((a, b) => a - b);
  return {
    requests: rows.length,
    errors: rows.length - good.length,
    seconds,
    p50Us: percentile(times, 0.5),
    p99Us: percentile(times, 0.99),
  };
}

import { fileURLToPath } from "node:url";

import type { Counts } from "../metered.ts";
import { runTool } from "../run-tool.ts";
import { requestFields } from "./request-fields.ts";

const script = fileURLToPath(new URL("wrk.lua", import.meta.url));

/** After this an answer counts as failed. wrk's own 2 s would fail slow proxies on a busy machine. */
const timeoutSeconds = 10;

/** What wrk sends. */
export interface WrkOptions {
  readonly url: string;
  readonly seconds: number;
  /** Connections at once. Default 64. */
  readonly connections?: number | undefined;
  /** Default `GET`. */
  readonly method?: string | undefined;
  /** Default 0: no body. */
  readonly bodyBytes?: number | undefined;
  /** Whether each request takes a connection of its own. Default `false`. */
  readonly close?: boolean | undefined;
}

/** Sends as many requests as the proxy takes, each connection the next one after its answer. */
export async function wrk(options: WrkOptions): Promise<Counts> {
  const { url, seconds, connections = 64, method = "GET", bodyBytes = 0, close = false } = options;
  const fields = { ...requestFields, ...(close && { Connection: "close" }) };
  const headers = Object.entries(fields).flatMap(([name, value]) => ["-H", `${name}: ${value}`]);
  const output = await runTool("wrk", [
    "-t1",
    `-c${connections}`,
    `-d${seconds}s`,
    `--timeout=${timeoutSeconds}s`,
    `-s${script}`,
    ...headers,
    url,
    "--",
    method,
    String(bodyBytes),
  ]);
  return countsOf(output);
}

/** Reads the line that `wrk.lua` writes. */
export function countsOf(output: string): Counts {
  const numbers = /^report (\d+) (\d+) (\d+) (\d+) (\d+)$/m.exec(output)?.slice(1).map(Number);
  if (numbers === undefined) throw new Error(`wrk printed no report: ${output.slice(0, 500)}`);
  const [requests = 0, errors = 0, durationUs = 0, p50Us = 0, p99Us = 0] = numbers;
  return { requests, errors, seconds: durationUs / 1_000_000, p50Us, p99Us };
}

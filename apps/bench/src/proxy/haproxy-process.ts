import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { answers } from "./http-probe.ts";
import { type PinnedProcess, startPinned } from "./pinned-process.ts";
import { commandOf } from "./tool.ts";

/** One HAProxy and its configuration. */
export interface HaproxyOptions {
  /** For errors. */
  readonly what: string;
  /** A directory of its own, for everything it writes. */
  readonly directory: string;
  readonly cores: string;
  /** Bytes of its buffers. Default: HAProxy's own. */
  readonly bufferBytes?: number | undefined;
  /** What comes after `global` and `defaults`. */
  readonly sections: string;
  /** Answers with 200 once it serves. */
  readonly readyUrl: string;
}

/** Starts HAProxy with one thread. */
export function startHaproxy(options: HaproxyOptions): Promise<PinnedProcess> {
  const { what, directory, cores, bufferBytes, sections, readyUrl } = options;
  const configFile = join(directory, "haproxy.cfg");
  writeFileSync(
    configFile,
    `
global
  nbthread 1
  maxconn 8000
  ${bufferBytes === undefined ? "" : `tune.bufsize ${bufferBytes}`}
defaults
  mode http
  option http-keep-alive
  http-reuse always
  timeout connect 5s
  timeout client 600s
  timeout server 600s
  timeout tunnel 600s
  timeout http-keep-alive 600s
${sections}`,
  );
  const { path, env } = commandOf("haproxy");
  return startPinned({
    what,
    command: path,
    env,
    args: ["-db", "-f", configFile],
    cores,
    logFile: join(directory, "haproxy.log"),
    isReady: () => answers(readyUrl),
  });
}

import { join } from "node:path";

import { answers } from "./http-probe.ts";
import { startPinned } from "./pinned-process.ts";
import type { Target } from "./target.ts";

/** What a peer's file finds in `process.argv[2]`, as JSON. */
export interface PeerPlace {
  readonly listenPort: number;
  readonly nodePort: number;
  readonly websocket: boolean;
  /** PEM files; TLS on both sides. */
  readonly tls?: { readonly ca: string; readonly cert: string; readonly key: string } | undefined;
  /** What else tells one target of the file from another. */
  readonly args: readonly string[];
}

/**
 * A proxy that is a file of ours, run by the Node that runs this.
 *
 * @param file  Reads a {@link PeerPlace} and serves.
 * @param args  Handed on to it.
 */
export function nodePeer(
  name: string,
  file: string,
  args: readonly string[] = [],
  loads?: readonly string[],
): Target {
  return {
    name,
    loads,
    start: ({ directory, cores, listenPort, nodePort, websocket, tls }) => {
      const place: PeerPlace = { listenPort, nodePort, websocket, tls, args };
      return startPinned({
        what: name,
        command: process.execPath,
        args: [file, JSON.stringify(place)],
        cores: cores.proxy,
        logFile: join(directory, `${name}.log`),
        env: { NODE_ENV: "production", ...(tls !== undefined && { NODE_EXTRA_CA_CERTS: tls.ca }) },
        isReady: () =>
          answers(`${tls === undefined ? "http" : "https"}://127.0.0.1:${listenPort}/`),
      });
    },
  };
}

import { startHaproxy } from "../haproxy-process.ts";
import type { PinnedProcess } from "../pinned-process.ts";
import type { Place } from "../place.ts";

import { smallBytes } from "./static-node.ts";

/** Bytes of the body that this node takes. */
export const postedBytes = 16_384;

/**
 * A node that reads a request's body to its end before it answers: HAProxy. nginx would answer at once,
 * which no application does.
 */
export function startReadingNode(place: Omit<Place, "listenPort">): Promise<PinnedProcess> {
  const { directory, cores, nodePort } = place;
  return startHaproxy({
    what: "the node behind the proxies",
    directory,
    cores: cores.load,
    readyUrl: `http://127.0.0.1:${nodePort}/`,
    bufferBytes: 4 * postedBytes,
    sections: `
frontend clients
  bind 127.0.0.1:${nodePort} backlog 4096
  http-request wait-for-body time 5s at-least ${postedBytes} if METH_POST
  http-request return status 200 content-type text/plain string "${"x".repeat(smallBytes)}"
`,
  });
}

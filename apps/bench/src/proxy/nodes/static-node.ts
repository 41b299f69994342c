import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { startNginx } from "../nginx-process.ts";
import type { PinnedProcess } from "../pinned-process.ts";
import type { Place } from "../place.ts";

/** Bytes of the small answer's body. */
export const smallBytes = 200;

/** Bytes of the large answer's body. */
export const largeBytes = 102_400;

/** The node behind the proxies: nginx, which answers `/large` with 100 KiB and all else with 200 bytes. */
export function startStaticNode(place: Omit<Place, "listenPort">): Promise<PinnedProcess> {
  const { directory, cores, nodePort, tls } = place;
  writeFileSync(join(directory, "large"), "x".repeat(largeBytes));
  const certificate =
    tls === undefined ? "" : `ssl_certificate ${tls.cert}; ssl_certificate_key ${tls.key};`;
  return startNginx({
    what: "the node behind the proxies",
    directory,
    cores: cores.load,
    readyUrl: `${tls === undefined ? "http" : "https"}://127.0.0.1:${nodePort}/`,
    http: `
  server {
    listen 127.0.0.1:${nodePort} backlog=4096 ${tls === undefined ? "" : "ssl"};
    ${certificate}
    default_type text/plain;
    root ${directory};
    location = /large { open_file_cache max=2; }
    location / { return 200 "${"x".repeat(smallBytes)}"; }
  }`,
  });
}

import { join } from "node:path";

import { startNginx } from "../nginx-process.ts";
import type { Place } from "../place.ts";
import type { Target } from "../target.ts";

const bigBuffers = `
  proxy_buffers 8 64k;
  proxy_buffer_size 64k;
  proxy_busy_buffers_size 128k;`;

/** What everything is compared with: nginx as Debian ships it, one worker, connections to nodes kept. */
export const nginx: Target = {
  name: "nginx",
  start: (place) => start("nginx", place, ""),
};

/** With one line per request, in nginx's own format. */
export const nginxLog: Target = {
  name: "nginx-log",
  loads: ["small"],
  start: (place) =>
    start("nginx-log", place, `access_log ${join(place.directory, "access.log")} combined;`),
};

/** With buffers that take large bodies in fewer steps. */
export const nginx64k: Target = {
  name: "nginx-64k",
  loads: ["large"],
  start: (place) => start("nginx-64k", place, bigBuffers),
};

function start(what: string, place: Place, more: string): ReturnType<Target["start"]> {
  const { directory, cores, listenPort, nodePort, tls, websocket } = place;
  const scheme = tls === undefined ? "http" : "https";
  const certificate =
    tls === undefined
      ? ""
      : `ssl_certificate ${tls.cert};
    ssl_certificate_key ${tls.key};
    proxy_ssl_verify on;
    proxy_ssl_trusted_certificate ${tls.ca};
    proxy_ssl_name localhost;
    proxy_ssl_server_name on;`;
  const connection = websocket
    ? `proxy_set_header Connection $upgrade_or_none;
    proxy_set_header Upgrade $http_upgrade;`
    : `proxy_set_header Connection "";`;
  return startNginx({
    what,
    directory,
    cores: cores.proxy,
    readyUrl: `${scheme}://127.0.0.1:${listenPort}/`,
    http: `
  ${more}
  # With its default of 8 KiB it would write each posted body to a file, and be easy to beat.
  client_body_buffer_size 64k;
  map $http_upgrade $upgrade_or_none { default upgrade; "" ""; }
  upstream node {
    server 127.0.0.1:${nodePort};
    keepalive 320;
    keepalive_timeout 600s;
    keepalive_requests 1000000000;
  }
  server {
    listen 127.0.0.1:${listenPort} backlog=4096 ${tls === undefined ? "" : "ssl"};
    ${certificate}
    proxy_http_version 1.1;
    ${connection}
    proxy_set_header Host $host;
    proxy_set_header X-Real-IP $remote_addr;
    proxy_set_header X-Forwarded-For $proxy_add_x_forwarded_for;
    proxy_set_header X-Forwarded-Proto $scheme;
    proxy_set_header X-Forwarded-Host $host;
    proxy_set_header X-Forwarded-Port $server_port;
    location / { proxy_pass ${scheme}://node; }
  }`,
  });
}

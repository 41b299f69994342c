import { startHaproxy } from "../haproxy-process.ts";
import type { Target } from "../target.ts";

/** HAProxy as Debian ships it, one thread, connections to nodes kept. */
export const haproxy: Target = {
  name: "haproxy",
  start: ({ directory, cores, listenPort, nodePort, tls }) => {
    const listenTls = tls === undefined ? "" : `ssl crt ${tls.both}`;
    const nodeTls =
      tls === undefined
        ? ""
        : `ssl verify required verifyhost localhost ca-file ${tls.ca} sni str(localhost)`;
    return startHaproxy({
      what: "haproxy",
      directory,
      cores: cores.proxy,
      readyUrl: `${tls === undefined ? "http" : "https"}://127.0.0.1:${listenPort}/`,
      sections: `
frontend clients
  bind 127.0.0.1:${listenPort} backlog 4096 ${listenTls}
  option forwardfor
  http-request set-header X-Real-IP %[src]
  http-request set-header X-Forwarded-Proto %[ssl_fc,iif(https,http)]
  http-request set-header X-Forwarded-Host %[req.hdr(host)]
  http-request set-header X-Forwarded-Port %[dst_port]
  default_backend nodes
backend nodes
  server node 127.0.0.1:${nodePort} pool-max-conn 320 pool-purge-delay 600s ${nodeTls}
`,
    });
  },
};

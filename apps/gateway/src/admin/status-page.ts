import type { GatewayStatus, ServiceStatus } from "./status.ts";

/** The status page: one HTML document without scripts that renews itself every two seconds. */
export function statusPage(status: GatewayStatus): string {
  const { last_reload: reload } = status;
  const reloaded =
    reload === undefined
      ? ""
      : reload.refused === undefined
        ? `<p>Configuration reloaded at ${escape(reload.at)}.</p>`
        : `<p class="bad">Reload refused at ${escape(reload.at)}, nothing changed: ${escape(reload.refused)}</p>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="refresh" content="2">
<title>Rollcall gateway</title>
<style>
body { font: 15px/1.5 system-ui, sans-serif; margin: 2rem; color: #222; }
table { border-collapse: collapse; margin-bottom: 2rem; }
th, td { text-align: left; padding: .2rem 1rem .2rem 0; border-bottom: 1px solid #ddd; }
.fresh, .up { color: #17692b; } .stale, .pending, .held, .warming { color: #8a5a00; } .bad, .down, .ejected, .unhealthy { color: #a11; }
</style>
</head>
<body>
<h1>Rollcall gateway</h1>
<p>${status.ready ? "Ready" : "Not ready"}; listening on ${escape(status.listen.join(", "))}.
The same as JSON: <a href="/v1/status">/v1/status</a>; metrics: <a href="/metrics">/metrics</a>.</p>
${reloaded}
${workersLine(status)}<h2>Services</h2>
<table>
<tr><th>Service</th><th>Registry</th><th>State</th><th>Nodes</th></tr>
${status.services.map((service) => serviceRow(service, status.workers?.length)).join("\n")}
</table>
<h2>Routes</h2>
<table>
<tr><th>Id</th><th>Paths</th><th>Upstream</th></tr>
${status.routes
  .map(
    ({ id, uris, upstream }) =>
      `<tr><td>${escape(id)}</td><td>${escape(uris.join(", "))}</td><td>${escape(upstream)}</td></tr>`,
  )
  .join("\n")}
</table>
</body>
</html>
`;
}

function workersLine({ workers }: GatewayStatus): string {
  if (workers === undefined) return "";
  const texts = workers.map(({ worker, pid, state }) => `${worker} (process ${pid}, ${state})`);
  return `<p>Workers: ${escape(texts.join(", ") || "none")}.</p>\n`;
}

/** @param workers  How many worker processes there are. */
function serviceRow(service: ServiceStatus, workers: number | undefined): string {
  const notes = [
    service.origin === "disk" ? "from disk" : "",
    service.stale_since === undefined ? "" : `since ${service.stale_since}`,
    service.cause ?? "",
    service.denied > 0 ? `${service.denied} denied by address rules` : "",
    service.rejected > 0 ? `${service.rejected} unreadable records` : "",
  ].filter((note) => note !== "");
  const nodes = service.nodes.map((node) => {
    const { address, status, weight, held, ejected, ejected_workers: by } = node;
    const { unhealthy, warming } = node;
    const marks = [
      held ? "held" : "",
      ejected ? (by === undefined ? "ejected" : `ejected by ${by} of ${workers} workers`) : "",
      unhealthy ? "unhealthy" : "",
      warming ? "warming" : "",
    ].filter((mark) => mark !== "");
    const look = ejected || unhealthy ? "ejected" : held ? "held" : warming ? "warming" : status;
    const texts = [`${address} ${status}`, `weight ${weight}`, ...marks];
    return `<div class="${escape(look)}">${escape(texts.join(", "))}</div>`;
  });
  return `<tr><td>${escape(service.service)}</td><td>${escape(service.registry)}</td><td class="${service.state}">${service.state}${notes.length > 0 ? `<br>${escape(notes.join("; "))}` : ""}</td><td>${nodes.join("") || "none"}</td></tr>`;
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
};

function escape(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character]!);
}

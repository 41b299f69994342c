import type { WrittenObject } from "../config/gateway-config.ts";
import { redact } from "../config/redaction.ts";
import type { AdminView } from "./admin-view.ts";
import { dumpRegistry } from "./dump.ts";
import { gatewayStatus, isReady } from "./status.ts";
import { statusPage } from "./status-page.ts";

/** One answer. */
export interface AdminAnswer {
  readonly status: number;
  readonly type: string;
  readonly body: string;
}

/** Answers one request of the control API. */
export async function answerAdmin(
  method: string,
  target: string,
  view: AdminView,
): Promise<AdminAnswer> {
  if (method !== "GET" && method !== "HEAD") {
    return json(405, { error_msg: "405 Method Not Allowed; use GET or HEAD" });
  }
  const path = decodedPath(target);
  if (path === undefined) return json(400, { error_msg: "400 Bad Request" });
  const { written } = view.state.config;
  const [, version = "", collection, name, ...rest] = path;
  if (path.length === 2) {
    switch (version) {
      case "":
        return {
          status: 200,
          type: "text/html; charset=utf-8",
          body: statusPage(await gatewayStatus(view)),
        };
      case "healthz":
        return json(200, { status: "ok" });
      case "readyz":
        return isReady(view)
          ? json(200, { status: "ready" })
          : json(503, { status: "not ready", waiting_for: waitingFor(view) });
      case "metrics":
        return { status: 200, type: view.metrics.contentType, body: await view.metrics.render() };
      default:
        return notFound();
    }
  }
  if (version !== "v1") return notFound();
  if (collection === "discovery" && name !== undefined && rest.join("/") === "dump") {
    const dump = dumpRegistry(view.state, name);
    return dump === undefined
      ? json(404, { error_msg: `404 no registry named ${JSON.stringify(name)} is configured` })
      : json(200, dump);
  }
  if (name === undefined) {
    if (collection === "status") return json(200, await gatewayStatus(view));
    if (collection === "routes") return json(200, shown(written.routes));
    if (collection === "upstreams") return json(200, shown(written.upstreams));
    if (collection === "services") return json(200, shown(written.services));
    return notFound();
  }
  if (rest.length > 0) return notFound();
  if (collection === "route") return one("route", written.routes, name);
  if (collection === "upstream") return one("upstream", written.upstreams, name);
  if (collection === "service") return one("service", written.services, name);
  return notFound();
}

function decodedPath(target: string): readonly string[] | undefined {
  try {
    return target.split("?", 1)[0]!.split("/").map(decodeURIComponent);
  } catch {
    // A malformed escape is the only thing decodeURIComponent throws for.
    return undefined;
  }
}

function waitingFor({ state, workers }: AdminView): readonly string[] {
  const pending = [...state.pools.values()]
    .filter(({ view }) => view.snapshot.state === "pending")
    .map(({ name }) => name);
  return workers?.serving() === 0 ? [...pending, "a worker process"] : pending;
}

/** Each under `value`, as APISIX's control API has it. */
function shown(objects: readonly WrittenObject[]): readonly object[] {
  return objects.map(({ value }) => ({ value: redact(value) }));
}

function one(kind: string, objects: readonly WrittenObject[], id: string): AdminAnswer {
  const found = objects.find((object) => object.id === id);
  return found === undefined
    ? json(404, { error_msg: `404 no ${kind} has the id ${JSON.stringify(id)}` })
    : json(200, { value: redact(found.value) });
}

function notFound(): AdminAnswer {
  return json(404, { error_msg: "404 Not Found" });
}

function json(status: number, body: unknown): AdminAnswer {
  return { status, type: "application/json", body: `${JSON.stringify(body)}\n` };
}

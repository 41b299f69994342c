import type { Api, Exchange } from "./api.ts";
import { notFound, Refusal } from "./refusal.ts";

/** Answers one exchange. */
export type Handler = (exchange: Exchange) => Promise<void> | void;

/** Handlers by method. */
type Resource = Readonly<Partial<Record<"GET" | "POST" | "PUT" | "DELETE", Handler>>>;

/**
 * Finds what a path and method ask for. Application names are read without regard to case, ids with.
 *
 * @throws {Refusal} 404 for an unknown path, 405 for a method the path does not have.
 */
export function findHandler(api: Api, segments: readonly string[], method: string): Handler {
  const resource = findResource(api, segments);
  if (resource === undefined) throw notFound("such path");
  const wanted = method === "HEAD" ? "GET" : method;
  for (const [name, handler] of Object.entries(resource)) if (name === wanted) return handler;
  const allow = Object.keys(resource).join(", ");
  throw new Refusal(405, `${method} is not allowed here`, { headers: { allow } });
}

function findResource(api: Api, segments: readonly string[]): Resource | undefined {
  const [root, first, second, third] = segments;
  if (root === "apps" && segments.length === 1) return { GET: (x) => api.readAll(x) };
  if (first === undefined) return undefined;
  if (root === "apps") {
    if (segments.length > 4) return undefined;
    if (second === undefined) return applicationResource(api, first);
    const app = first.toUpperCase();
    return third === undefined
      ? instanceResource(api, app, second)
      : instancePart(api, app, second, third);
  }
  if (segments.length > 2) return undefined;
  if (root === "instances") return { GET: (x) => api.readInstanceById(x, first) };
  if (root === "vips") return { GET: (x) => api.readVip(x, "vipAddress", first) };
  if (root === "svips") return { GET: (x) => api.readVip(x, "secureVipAddress", first) };
  return undefined;
}

function applicationResource(api: Api, name: string): Resource {
  // Exactly so: an application may be called DELTA.
  if (name === "delta") return { GET: (x) => api.readDelta(x) };
  const app = name.toUpperCase();
  return { GET: (x) => api.readApplication(x, app), POST: (x) => api.register(x, app) };
}

function instanceResource(api: Api, app: string, id: string): Resource {
  return {
    GET: (x) => api.readInstance(x, app, id),
    PUT: (x) => api.renew(x, app, id),
    DELETE: (x) => api.cancel(x, app, id),
  };
}

function instancePart(api: Api, app: string, id: string, part: string): Resource | undefined {
  if (part === "metadata") return { PUT: (x) => api.mergeMetadata(x, app, id) };
  if (part !== "status") return undefined;
  return {
    PUT: (x) => api.setStatus(x, app, id),
    DELETE: (x) => api.clearStatus(x, app, id),
  };
}

import { randomUUID } from "node:crypto";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** What the example server stores under `service/id`. */
export interface StoredEntry {
  /** JSON, whatever a client wrote. */
  readonly value: unknown;
  /** Set by an operator; outlives the entry. */
  readonly override?: unknown;
}

interface Entry {
  readonly value: unknown;
  readonly expiry: NodeJS.Timeout | undefined;
}

/** A registry server small enough to read at a glance: JSON over HTTP, entries with a lease, a token. */
export interface ExampleServer {
  readonly port: number;
  put(service: string, id: string, value: unknown, ttlMs?: number): void;
  get(service: string, id: string): StoredEntry | undefined;
  remove(service: string, id: string): void;
  override(service: string, id: string, fields: unknown): void;
  wipe(): void;
  close(): Promise<void>;
}

/** The token every request must carry. */
export const goodToken = "let-me-in";

/**
 * Starts one on loopback. `GET /` lists services; `GET /S` the entries of one; `GET`, `PUT ?ttlMs=` and
 * `DELETE /S/ID` act on one entry.
 */
export async function startExampleServer(): Promise<ExampleServer> {
  const services = new Map<string, Map<string, Entry>>();
  const overrides = new Map<string, unknown>();
  // Sent with every answer: a new one says that the data of before are gone.
  let epoch = randomUUID();
  const overrideKey = (service: string, id: string): string => JSON.stringify([service, id]);

  function remove(service: string, id: string): void {
    const entries = services.get(service);
    clearTimeout(entries?.get(id)?.expiry);
    entries?.delete(id);
    if (entries?.size === 0) services.delete(service);
  }
  function put(service: string, id: string, value: unknown, ttlMs?: number): void {
    remove(service, id);
    const expiry = ttlMs === undefined ? undefined : setTimeout(remove, ttlMs, service, id);
    const entries = services.get(service) ?? new Map<string, Entry>();
    services.set(service, entries.set(id, { value, expiry }));
  }
  function get(service: string, id: string): StoredEntry | undefined {
    const entry = services.get(service)?.get(id);
    if (entry === undefined) return undefined;
    return { value: entry.value, override: overrides.get(overrideKey(service, id)) };
  }
  function wipe(): void {
    epoch = randomUUID();
    for (const [service, entries] of services) for (const id of entries.keys()) remove(service, id);
  }

  async function answer(request: IncomingMessage, response: ServerResponse): Promise<void> {
    const url = new URL(request.url ?? "/", "http://example");
    const [service, id] = url.pathname.slice(1).split("/").map(decodeURIComponent);
    const body = await textOf(request);
    const send = (status: number, value?: unknown): void => {
      response.writeHead(status, { "x-epoch": epoch }).end(JSON.stringify(value));
    };
    if (request.headers.authorization !== goodToken) send(401);
    else if (service === undefined || service === "") send(200, [...services.keys()]);
    else if (id === undefined) {
      const ids = [...(services.get(service)?.keys() ?? [])];
      send(200, Object.fromEntries(ids.map((one) => [one, get(service, one)])));
    } else if (request.method === "PUT") {
      put(service, id, JSON.parse(body), Number(url.searchParams.get("ttlMs")));
      send(204);
    } else if (request.method === "DELETE") {
      remove(service, id);
      send(204);
    } else {
      const entry = get(service, id);
      send(entry === undefined ? 404 : 200, entry);
    }
  }

  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy());
  });
  await new Promise<void>((resolve) => {
    server.listen(0, "127.0.0.1", resolve);
  });
  return {
    port: (server.address() as AddressInfo).port,
    put,
    get,
    remove,
    override: (service, id, fields) => void overrides.set(overrideKey(service, id), fields),
    wipe,
    async close() {
      wipe();
      server.closeAllConnections();
      await new Promise((resolve) => {
        server.close(resolve);
      });
    },
  };
}

async function textOf(request: IncomingMessage): Promise<string> {
  let text = "";
  for await (const chunk of request.setEncoding("utf8")) text += String(chunk);
  return text;
}

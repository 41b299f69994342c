import type { IncomingMessage, ServerResponse } from "node:http";

import { readBody } from "./body.ts";
import type { Clock } from "./clock.ts";
import {
  allApplications,
  applicationsOfVip,
  changedApplications,
  findById,
  oneApplication,
  oneInstance,
  toJson,
  type ReadDocument,
  type VipField,
} from "./document.ts";
import { decodeRegistration } from "./instance-decode.ts";
import type { Lease } from "./lease.ts";
import { notFound, Refusal } from "./refusal.ts";
import { Rendering, RenderingCache, type Format } from "./rendering.ts";
import { sendEmpty, sendRendering } from "./reply.ts";
import { parseStatus, type EurekaStatus } from "./status.ts";
import type { Store } from "./store.ts";
import { toXml } from "./xml.ts";

/** What the calls need to know of the server's options. */
export interface ApiOptions {
  readonly clock: Clock;
  readonly delta: boolean;
  readonly maxBodyBytes: number;
}

/** One request with its answer. */
export interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
  readonly query: URLSearchParams;
  /** What the client takes. */
  readonly format: Format;
}

/** The calls of the protocol; each answers its exchange or throws a {@link Refusal}. */
export class Api {
  readonly #store: Store;
  readonly #options: ApiOptions;
  readonly #cache = new RenderingCache();
  #deltaVersion = 0;

  constructor(store: Store, options: ApiOptions) {
    this.#store = store;
    this.#options = options;
  }

  async readAll({ request, response, format }: Exchange): Promise<void> {
    const rendering = this.#cache.get("apps", format, this.#store.revision, () =>
      render(format, allApplications(this.#store)),
    );
    await sendRendering(request, response, rendering);
  }

  async readDelta({ request, response, format }: Exchange): Promise<void> {
    if (!this.#options.delta) throw new Refusal(403, "deltas are off; read all applications");
    const changes = this.#store.changes();
    if (changes === undefined) {
      throw new Refusal(403, "too many changes for a delta; read all applications");
    }
    const rendering = this.#cache.get("delta", format, this.#store.revision, () => {
      this.#deltaVersion += 1;
      return render(format, changedApplications(this.#deltaVersion, changes, this.#store));
    });
    await sendRendering(request, response, rendering);
  }

  async readApplication(exchange: Exchange, app: string): Promise<void> {
    const document = oneApplication(this.#store, app);
    if (document === undefined) throw notFound("application of that name");
    await answer(exchange, document);
  }

  async readInstance(exchange: Exchange, app: string, id: string): Promise<void> {
    await answer(exchange, oneInstance(this.#find(app, id)));
  }

  async readInstanceById(exchange: Exchange, id: string): Promise<void> {
    const lease = findById(this.#store, id);
    if (lease === undefined) throw notFound("instance of that id");
    await answer(exchange, oneInstance(lease));
  }

  async readVip(exchange: Exchange, field: VipField, vip: string): Promise<void> {
    await answer(exchange, applicationsOfVip(this.#store, field, vip));
  }

  async register({ request, response }: Exchange, app: string): Promise<void> {
    if (!/^application\/json *(;|$)/i.test(request.headers["content-type"] ?? "")) {
      throw new Refusal(415, "a registration must be application/json");
    }
    if ((request.headers["content-encoding"] ?? "identity") !== "identity") {
      throw new Refusal(415, "a registration must not be compressed");
    }
    const body = await readBody(request, this.#options.maxBodyBytes);
    this.#store.register(decodeRegistration(body, app, this.#options.clock.unixMs()));
    sendEmpty(response, 204);
  }

  renew({ response, query }: Exchange, app: string, id: string): void {
    if (!this.#store.renew(app, id)) throw notFound("instance of that id that could be renewed");
    // A client with newer data than ours has to send it: 404 makes it register again.
    if ((dirtyTimestamp(query) ?? 0) > this.#find(app, id).lastDirtyMs) {
      throw new Refusal(404, "lastDirtyTimestamp is newer than that of the stored instance");
    }
    sendEmpty(response, 200);
  }

  cancel({ response }: Exchange, app: string, id: string): void {
    if (!this.#store.cancel(app, id)) throw notFound("instance of that id");
    sendEmpty(response, 200);
  }

  setStatus({ response, query }: Exchange, app: string, id: string): void {
    const lease = this.#find(app, id);
    this.#store.overrideStatus(lease, requiredStatus(query), dirtyTimestamp(query));
    sendEmpty(response, 200);
  }

  clearStatus({ response, query }: Exchange, app: string, id: string): void {
    const lease = this.#find(app, id);
    // Without a value nobody knows the status, and heartbeats fail until the node registers again.
    const status = query.has("value") ? requiredStatus(query) : "UNKNOWN";
    this.#store.clearOverride(lease, status, dirtyTimestamp(query));
    sendEmpty(response, 200);
  }

  mergeMetadata({ response, query }: Exchange, app: string, id: string): void {
    const lease = this.#find(app, id);
    // The first value counts when a key is given twice.
    const entries = [...new Set(query.keys())].map((key) => [key, query.get(key) ?? ""] as const);
    this.#store.mergeMetadata(lease, entries);
    sendEmpty(response, 200);
  }

  #find(app: string, id: string): Lease {
    const lease = this.#store.find(app, id);
    if (lease === undefined) throw notFound("instance of that id");
    return lease;
  }
}

async function answer(
  { request, response, format }: Exchange,
  document: ReadDocument,
): Promise<void> {
  await sendRendering(request, response, new Rendering(format, render(format, document)));
}

function render(format: Format, document: ReadDocument): string {
  return format === "json" ? toJson(document) : toXml(document);
}

// 500 for bad parameters is what the real server answers.
function requiredStatus(query: URLSearchParams): EurekaStatus {
  const status = parseStatus(query.get("value"));
  if (status === undefined) {
    throw new Refusal(500, "value must be UP, DOWN, STARTING, OUT_OF_SERVICE or UNKNOWN");
  }
  return status;
}

function dirtyTimestamp(query: URLSearchParams): number | undefined {
  const value = query.get("lastDirtyTimestamp");
  if (value === null) return undefined;
  if (!/^[+-]?\d{1,19}$/.test(value)) {
    throw new Refusal(500, "lastDirtyTimestamp must be a Unix time in ms");
  }
  return Number(value);
}

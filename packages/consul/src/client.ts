import { DiscoveryError } from "@rollcall/core";
import type { ListMemory } from "@rollcall/core/adapter";

import { BrokenConnection, Exchange, type Request } from "./exchange.ts";
import type { ResolvedOptions } from "./options.ts";
import { type Place, placeParameters } from "./place.ts";
import { isRecord } from "./record.ts";
import { refusal } from "./refusal.ts";
import type { BodyReader, Reply } from "./reply.ts";
import type { ServerAddress } from "./server-address.ts";

/** The records of one service, read, and what the server says about its answer. */
export interface HealthAnswer<T> {
  readonly records: readonly T[];
  /** `X-Consul-Index`, as sent. */
  readonly index: string | undefined;
  /** Time since the server heard from its leader, in ms; infinite when it knows none. */
  readonly lastContactMs: number;
  /** Whether rights left something out. Servers before 1.11 do not tell. */
  readonly isFiltered: boolean;
}

/** How a service is asked for. */
export interface HealthQuestion {
  readonly service: string;
  readonly place: Place;
  /** Holds the answer back until something newer than the index is there. */
  readonly block?: { readonly index: bigint; readonly waitMs: number } | undefined;
  /** Past the agent's cache whatever the options say. */
  readonly isUncached?: boolean | undefined;
  /** Of the leader, likewise. */
  readonly ofLeader?: boolean | undefined;
}

/** A record at the agent that holds it. */
export interface AgentRecord {
  readonly service: Readonly<Record<string, unknown>>;
  readonly checks: readonly Readonly<Record<string, unknown>>[];
}

/**
 * The calls of Consul's HTTP API that we use, each at one server. Knows records, not nodes.
 *
 * All reject with {@link DiscoveryError}: `UNAVAILABLE`, `TIMEOUT`, `PROTOCOL`, `AUTH`, `UNSUPPORTED`,
 * `INVALID` when the server refuses what was sent; or with the signal's reason.
 */
export class ConsulClient {
  readonly #options: ResolvedOptions;
  readonly #exchange: Exchange;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#exchange = new Exchange(options);
  }

  /** @param memory  Reads the records: each `{ Node, Service, Checks }`. */
  async readHealth<T>(
    server: ServerAddress,
    { service, place, block, isUncached = false, ofLeader = false }: HealthQuestion,
    memory: ListMemory<T>,
    signal: AbortSignal,
  ): Promise<HealthAnswer<T>> {
    const { consistency, cached, filter } = this.#options;
    const parameters = [
      ...placeParameters(place, true),
      ...(consistency === "default" || ofLeader ? [] : [consistency]),
      ...(cached && !isUncached && !ofLeader ? ["cached"] : []),
      ...(filter === undefined ? [] : [`filter=${encodeURIComponent(filter)}`]),
      ...(block === undefined ? [] : [`index=${block.index}`, `wait=${block.waitMs}ms`]),
    ];
    const request: Request = {
      operation: `read ${service}`,
      method: "GET",
      path: withParameters(`health/service/${encodeURIComponent(service)}`, parameters),
      // A server adds up to a sixteenth, so that not all answers come at once.
      blockMs: block === undefined ? undefined : Math.ceil((block.waitMs * 17) / 16),
    };
    let reading = memory.read();
    const reader: BodyReader = {
      begin: () => (reading = memory.read()),
      write: (chunk) => reading.write(chunk),
    };
    const reply = await this.#call(server, request, [200], signal, reader);
    const records = this.#parse(server, request, () => memory.finish(reading));
    const lastContactMs = Number(reply.header("x-consul-lastcontact") ?? 0);
    return {
      records,
      index: reply.header("x-consul-index"),
      lastContactMs: reply.header("x-consul-knownleader") === "false" ? Infinity : lastContactMs,
      isFiltered: reply.header("x-consul-results-filtered-by-acls") === "true",
    };
  }

  /** Names of all services. */
  async readServices(
    server: ServerAddress,
    place: Place,
    signal: AbortSignal,
  ): Promise<readonly string[]> {
    const { consistency } = this.#options;
    const parameters = placeParameters(place, true);
    const request: Request = {
      operation: "list services",
      method: "GET",
      path: withParameters("catalog/services", [
        ...parameters,
        ...(consistency === "default" ? [] : [consistency]),
      ]),
    };
    const reply = await this.#call(server, request, [200], signal);
    const names = this.#json(server, request, reply);
    if (!isRecord(names)) throw this.#foreign(server, request);
    return Object.keys(names);
  }

  /** A record of this agent; undefined when it has none of that id. */
  async readRecord(
    server: ServerAddress,
    id: string,
    place: Place,
    signal: AbortSignal,
  ): Promise<AgentRecord | undefined> {
    const request: Request = {
      operation: `look at ${id}`,
      method: "GET",
      path: withParameters(
        `agent/health/service/id/${encodeURIComponent(id)}`,
        placeParameters(place, false),
      ),
    };
    // The status tells the health: 429 is warning, 503 critical.
    const reply = await this.#call(server, request, [200, 404, 429, 503], signal);
    if (reply.status === 404 && !reply.text.startsWith("<")) return undefined;
    const answer = this.#json(server, request, reply);
    if (!isRecord(answer) || !isRecord(answer["Service"])) throw this.#foreign(server, request);
    const checks: unknown = answer["Checks"] ?? [];
    return {
      service: answer["Service"],
      checks: Array.isArray(checks) ? checks.filter(isRecord) : [],
    };
  }

  async register(
    server: ServerAddress,
    body: { readonly ID: string },
    place: Place,
    signal: AbortSignal,
  ): Promise<void> {
    // Without `replace-existing-checks`: that would end a maintenance an operator has begun.
    await this.#write(server, `register ${body.ID}`, "agent/service/register", place, signal, body);
  }

  async deregister(
    server: ServerAddress,
    id: string,
    place: Place,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `agent/service/deregister/${encodeURIComponent(id)}`;
    await this.#write(server, `deregister ${id}`, path, place, signal);
  }

  /** A heartbeat; false when the agent has no such check. */
  async pass(
    server: ServerAddress,
    checkId: string,
    place: Place,
    signal: AbortSignal,
  ): Promise<boolean> {
    const request: Request = {
      operation: `pass ${checkId}`,
      method: "PUT",
      path: withParameters(
        `agent/check/pass/${encodeURIComponent(checkId)}`,
        placeParameters(place, false),
      ),
    };
    const reply = await this.#exchange.send(server, request, signal);
    if (reply.status === 200) return true;
    // 404 from 1.11 on, 500 before.
    if (/does not have associated TTL|[Uu]nknown check/.test(reply.text)) return false;
    throw this.#refused(server, request, reply);
  }

  async removeCheck(
    server: ServerAddress,
    checkId: string,
    place: Place,
    signal: AbortSignal,
  ): Promise<void> {
    const path = `agent/check/deregister/${encodeURIComponent(checkId)}`;
    await this.#write(server, `remove check ${checkId}`, path, place, signal);
  }

  /** Begins a maintenance for a reason, or ends the one there is. */
  async setMaintenance(
    server: ServerAddress,
    id: string,
    reason: string | undefined,
    place: Place,
    signal: AbortSignal,
  ): Promise<void> {
    const state =
      reason === undefined
        ? ["enable=false"]
        : ["enable=true", `reason=${encodeURIComponent(reason)}`];
    const path = withParameters(`agent/service/maintenance/${encodeURIComponent(id)}`, state);
    await this.#write(server, `set maintenance of ${id}`, path, place, signal);
  }

  /** Any other call: the status and the body, parsed where it is JSON. */
  async ask(
    server: ServerAddress,
    request: Request,
    signal: AbortSignal,
  ): Promise<{ readonly status: number; readonly json: unknown }> {
    const reply = await this.#exchange.send(server, request, signal);
    if (reply.status >= 500) throw this.#refused(server, request, reply);
    let json: unknown;
    try {
      json = JSON.parse(reply.text);
    } catch {
      json = undefined;
    }
    return { status: reply.status, json };
  }

  async close(): Promise<void> {
    await this.#exchange.close();
  }

  async #write(
    server: ServerAddress,
    operation: string,
    path: string,
    place: Place,
    signal: AbortSignal,
    body?: unknown,
  ): Promise<void> {
    const located = withParameters(path, placeParameters(place, false));
    await this.#call(server, { operation, method: "PUT", path: located, body }, [200], signal);
  }

  async #call(
    server: ServerAddress,
    request: Request,
    statuses: readonly number[],
    signal: AbortSignal,
    reader?: BodyReader,
  ): Promise<Reply> {
    const reply = await this.#exchange.send(server, request, signal, reader);
    if (!statuses.includes(reply.status)) throw this.#refused(server, request, reply);
    return reply;
  }

  #json(server: ServerAddress, request: Request, { text }: Reply): unknown {
    return this.#parse(server, request, () => JSON.parse(text) as unknown);
  }

  #parse<T>(server: ServerAddress, request: Request, parse: () => T): T {
    try {
      return parse();
    } catch {
      // The parser's error quotes what it could not parse.
      throw this.#foreign(server, request);
    }
  }

  #refused(server: ServerAddress, request: Request, reply: Reply): DiscoveryError {
    // A gateway that lost patience with a blocking query cut it, in its own way.
    const isCut = request.blockMs !== undefined && (reply.status === 502 || reply.status === 504);
    const cause = isCut ? new BrokenConnection(`a gateway answered ${reply.status}`) : undefined;
    return this.#error(server, request, refusal(reply, request), cause);
  }

  #foreign(server: ServerAddress, request: Request): DiscoveryError {
    const reason = "the answer is not what Consul answers";
    return this.#error(server, request, { code: "PROTOCOL", reason });
  }

  #error(
    { url }: ServerAddress,
    { operation }: Request,
    details: ReturnType<typeof refusal>,
    cause?: unknown,
  ): DiscoveryError {
    const where = { registry: this.#options.name, operation: `${operation} at ${url}` };
    return new DiscoveryError({ ...where, ...details, cause });
  }
}

function withParameters(path: string, parameters: readonly string[]): string {
  if (parameters.length === 0) return path;
  return `${path}${path.includes("?") ? "&" : "?"}${parameters.join("&")}`;
}

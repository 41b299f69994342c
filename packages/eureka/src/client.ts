import { DiscoveryError } from "@rollcall/core";

import {
  type App,
  type Apps,
  type AppsDocument,
  buildApps,
  readApplications,
  readOneApplication,
} from "./apps.ts";
import { BodyError } from "./body.ts";
import { parseDocument } from "./document.ts";
import { Exchange, type Reply, type Request } from "./exchange.ts";
import type { ResolvedOptions } from "./options.ts";
import { isRecord } from "./record.ts";
import type { Server } from "./server-url.ts";
import { Servers } from "./servers.ts";

/** The whole registry and the server that showed it. */
export interface FullAnswer {
  readonly server: Server;
  readonly apps: Apps;
}

/**
 * The calls of Eureka's REST protocol, with fail-over: each tries every server once, in the order of
 * {@link Servers}. Knows records, not nodes.
 *
 * All reject with {@link DiscoveryError}: `UNAVAILABLE`, `TIMEOUT`, `PROTOCOL`, `AUTH`, `INVALID` when the
 * server refuses what was sent; or with the signal's reason.
 */
export class EurekaClient {
  readonly #registry: string;
  readonly #exchange: Exchange;
  readonly #servers: Servers;
  readonly #regions: string;

  constructor(options: ResolvedOptions) {
    this.#registry = options.name;
    this.#exchange = new Exchange(options);
    this.#servers = new Servers(options.servers, options.random);
    this.#regions = options.regions.length === 0 ? "" : `?regions=${options.regions.join(",")}`;
  }

  /** Everything. */
  async readAll(signal: AbortSignal): Promise<FullAnswer> {
    const request = bulk("fetch registry", `apps${this.#regions}`);
    const read = (reply: Reply): Apps => buildApps(readApplications(parse(reply)));
    const { server, value } = await this.#call(request, [200], read, signal);
    return { server, apps: value };
  }

  /**
   * The changes of the last minutes, of one server only: `same` when they are those of `known`, byte for
   * byte; undefined when it does not serve them.
   */
  async readDelta(
    server: Server,
    known: Buffer | undefined,
    signal: AbortSignal,
  ): Promise<{ readonly body: Buffer; readonly document: AppsDocument } | "same" | undefined> {
    const request = bulk("fetch delta", `apps/delta${this.#regions}`);
    const expected = (reply: Reply): boolean =>
      reply.status === 200 ||
      reply.status === 404 ||
      // Switched off, or not ready yet: both mean reading everything.
      (reply.status === 403 && !reply.asksForLogin);
    const reply = await this.#try(server, request, expected, signal);
    if (reply.status !== 200) return undefined;
    const { body } = reply;
    if (known?.equals(body) === true) return "same";
    const document = this.#checked(server, request, () => readApplications(parse(reply)));
    return { body, document };
  }

  /** One application; undefined when there is none of that name. */
  async readApp(app: string, signal: AbortSignal): Promise<App | undefined> {
    const request = { operation: `read ${app}`, method: "GET", path: appPath(app) } as const;
    const read = (reply: Reply): App | undefined =>
      reply.status === 404 ? undefined : readOneApplication(parse(reply));
    return (await this.#call(request, [200, 404], read, signal)).value;
  }

  /** One record as it is stored now, past the server's caches; undefined when there is none. */
  async readInstance(
    app: string,
    id: string,
    signal: AbortSignal,
  ): Promise<Record<string, unknown> | undefined> {
    const path = instancePath(app, id);
    const request = { operation: `read ${app}/${id}`, method: "GET", path } as const;
    const read = (reply: Reply): Record<string, unknown> | undefined => {
      if (reply.status === 404) return undefined;
      const record = parse(reply)["instance"];
      if (!isRecord(record)) throw new BodyError("the answer has no instance");
      return record;
    };
    return (await this.#call(request, [200, 404], read, signal)).value;
  }

  async register(app: string, body: string, signal: AbortSignal): Promise<void> {
    const request = {
      operation: `register ${app}`,
      method: "POST",
      path: appPath(app),
      body,
    } as const;
    await this.#call(request, [200, 204], ignore, signal);
  }

  /** A heartbeat; false when the server wants the record anew. */
  async renew(
    app: string,
    id: string,
    record: { readonly status: string; readonly lastDirtyMs: number },
    signal: AbortSignal,
  ): Promise<boolean> {
    const query = `status=${record.status}&lastDirtyTimestamp=${record.lastDirtyMs}`;
    return this.#write("PUT", `renew ${app}/${id}`, `${instancePath(app, id)}?${query}`, signal);
  }

  /** Removes a record; false when there was none. */
  async cancel(app: string, id: string, signal: AbortSignal): Promise<boolean> {
    return this.#write("DELETE", `deregister ${app}/${id}`, instancePath(app, id), signal);
  }

  /** Puts a status in place that wins over the record's own; false when there is no such record. */
  async setStatus(app: string, id: string, status: string, signal: AbortSignal): Promise<boolean> {
    const path = `${instancePath(app, id)}/status?value=${status}`;
    return this.#write("PUT", `set status of ${app}/${id}`, path, signal);
  }

  /**
   * Takes that status away again and leaves `status`: without a value the server would leave UNKNOWN and
   * refuse heartbeats.
   */
  async clearStatus(
    app: string,
    id: string,
    status: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const path = `${instancePath(app, id)}/status?value=${status}`;
    return this.#write("DELETE", `clear status of ${app}/${id}`, path, signal);
  }

  async close(): Promise<void> {
    await this.#exchange.close();
  }

  async #write(
    method: "PUT" | "DELETE",
    operation: string,
    path: string,
    signal: AbortSignal,
  ): Promise<boolean> {
    const found = (reply: Reply): boolean => reply.status !== 404;
    return (await this.#call({ operation, method, path }, [200, 204, 404], found, signal)).value;
  }

  /** Asks one server after the other until one gives an answer that `read` accepts. */
  async #call<T>(
    request: Request,
    statuses: readonly number[],
    read: (reply: Reply) => T,
    signal: AbortSignal,
  ): Promise<{ readonly server: Server; readonly value: T }> {
    const errors: unknown[] = [];
    const expected = (reply: Reply): boolean => statuses.includes(reply.status);
    for (const server of this.#servers.order()) {
      try {
        const reply = await this.#try(server, request, expected, signal);
        const value = this.#checked(server, request, () => read(reply));
        this.#servers.succeeded(server);
        return { server, value };
      } catch (thrown) {
        if (signal.aborted) throw thrown;
        // What one server refuses as wrong, the others do as well.
        if (thrown instanceof DiscoveryError && thrown.code === "INVALID") throw thrown;
        errors.push(thrown);
      }
    }
    // While any server may answer later, asking again is right.
    throw errors.find((one) => one instanceof DiscoveryError && one.retryable) ?? errors[0];
  }

  async #try(
    server: Server,
    request: Request,
    expected: (reply: Reply) => boolean,
    signal: AbortSignal,
  ): Promise<Reply> {
    try {
      const reply = await this.#exchange.send(server, request, signal);
      if (!expected(reply)) throw this.#refused(server, request, reply);
      return reply;
    } catch (thrown) {
      const error: unknown = thrown;
      // A caller's deadline that ran out over a silent server counts against it; a plain abort does not.
      if (error instanceof DiscoveryError && error.code !== "CLOSED" && error.code !== "INVALID") {
        this.#servers.failed(server);
      }
      throw error;
    }
  }

  #checked<T>(server: Server, { operation }: Request, read: () => T): T {
    try {
      return read();
    } catch (cause) {
      if (!(cause instanceof BodyError)) throw cause;
      this.#servers.failed(server);
      const where = { registry: this.#registry, operation: `${operation} at ${server.url}` };
      throw new DiscoveryError({ code: "PROTOCOL", ...where, reason: cause.message, cause });
    }
  }

  #refused(server: Server, { operation, method }: Request, reply: Reply): DiscoveryError {
    const { status, asksForLogin } = reply;
    const where = { registry: this.#registry, operation: `${operation} at ${server.url}` };
    const answered = `the server answered ${status}`;
    if (status === 401 || (status === 403 && (asksForLogin || method !== "GET"))) {
      const reason = `${answered}: ${status === 401 ? "wrong or missing credentials" : "no right to do so"}`;
      return new DiscoveryError({ code: "AUTH", ...where, reason });
    }
    if (status === 403) {
      // Eureka says so while it starts and has no registry to show yet.
      const reason = `${answered}: it is not ready to serve its registry`;
      return new DiscoveryError({ code: "UNAVAILABLE", ...where, reason });
    }
    if (status === 400 || status === 413 || status === 415) {
      return new DiscoveryError({
        code: method === "GET" ? "PROTOCOL" : "INVALID",
        ...where,
        reason: `${answered}: it refuses what was sent`,
      });
    }
    if (status === 404) {
      const reason = `${answered}: is the path of its URL right?`;
      return new DiscoveryError({ code: "PROTOCOL", ...where, reason });
    }
    return new DiscoveryError({
      code: status >= 500 || status === 429 || status === 408 ? "UNAVAILABLE" : "PROTOCOL",
      ...where,
      reason: answered,
    });
  }
}

function parse({ body, contentType }: Reply): Record<string, unknown> {
  return parseDocument(body, contentType);
}

function bulk(operation: string, path: string): Request {
  return { operation, method: "GET", path, bulk: true };
}

function appPath(app: string): string {
  return `apps/${encodeURIComponent(app)}`;
}

function instancePath(app: string, id: string): string {
  return `${appPath(app)}/${encodeURIComponent(id)}`;
}

function ignore(): void {}

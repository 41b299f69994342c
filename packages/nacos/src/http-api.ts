import { DiscoveryError } from "@rollcall/core";

import type { Access } from "./access.ts";
import { BodyError, parseJson } from "./body.ts";
import { fault, quoted, type Where } from "./fault.ts";
import { parseWithHosts } from "./host-list.ts";
import type { HttpExchange, HttpReply, HttpRequest } from "./http-exchange.ts";
import { groupedName, type ServiceKey } from "./names.ts";
import type { ResolvedOptions } from "./options.ts";
import { isRecord } from "./record.ts";
import type { Server } from "./server-url.ts";
import { readServiceInfo, type ServiceInfo, ServiceInfoError } from "./service-info.ts";
import { Servers } from "./servers.ts";
import type { StoredInstance } from "./stored-instance.ts";

/** Generations of the HTTP API that serve instances: 3 from 3.0 on, 1 until 3.1. */
type Version = "v1" | "v3";

/** A request of each version; the service it is about is signed. */
interface Call {
  readonly operation: string;
  readonly key: Pick<ServiceKey, "group" | "service"> | undefined;
  /** Which version to try first; default: the newest that the server is known to have. */
  readonly first?: Version | undefined;
  readonly v1: Omit<HttpRequest, "operation">;
  readonly v3: Omit<HttpRequest, "operation">;
}

// Codes in the body of an answer that is otherwise fine.
const instanceNotFound = 21_003;
const beatNotFound = 20_404;
const accessDenied = 10_001;
const maxPages = 1_000;
const pageSize = 500;

/**
 * The calls of Nacos' HTTP APIs, with fail-over: each tries every server once. Knows instances, not nodes.
 *
 * All reject with {@link DiscoveryError}: `UNAVAILABLE`, `TIMEOUT`, `PROTOCOL`, `AUTH`, `INVALID` when the
 * server refuses what was sent; or with the signal's reason.
 */
export class HttpApi {
  readonly #options: ResolvedOptions;
  readonly #exchange: HttpExchange;
  readonly #access: Access;
  readonly #servers: Servers;
  readonly #versions = new Map<Server, Version>();

  constructor(options: ResolvedOptions, exchange: HttpExchange, access: Access) {
    this.#options = options;
    this.#exchange = exchange;
    this.#access = access;
    this.#servers = new Servers(options.servers, options.random);
  }

  /**
   * Whether any server serves HTTP and says that it is ready. Needs no rights.
   *
   * @throws The first server's error when none does.
   */
  async probe(signal: AbortSignal): Promise<void> {
    await this.#each(async (server) => {
      const operation = "probe";
      const get = async (path: string): Promise<number> => {
        const request = { operation, method: "GET", path } as const;
        return (await this.#exchange.send(server, request, signal)).status;
      };
      if ((await get("/v3/admin/core/state/readiness")) === 200) return;
      const status = await get("/v1/ns/operator/metrics");
      if (status === 200) return;
      const where = this.#where(operation, server);
      throw fault("UNAVAILABLE", where, `no sign of a server that is ready (${status})`);
    }, signal);
  }

  /** All instances of a service; none is an answer too. */
  async list(key: ServiceKey, signal: AbortSignal): Promise<ServiceInfo> {
    const { namespace: namespaceId, group: groupName, service: serviceName } = key;
    const call: Call = {
      operation: `query ${serviceName}`,
      key,
      v1: {
        method: "GET",
        path: "/v1/ns/instance/list",
        query: { namespaceId, groupName, serviceName: groupedName(key) },
      },
      v3: {
        method: "GET",
        path: "/v3/client/ns/instance/list",
        query: { namespaceId, groupName, serviceName },
      },
    };
    return this.#call(call, signal, ({ body }, version) => {
      const answer = parseWithHosts(body, [version === "v1" ? "hosts" : "data"]);
      return readServiceInfo(version === "v1" ? answer : { hosts: dataOf(answer) });
    });
  }

  /** Enters an instance, or changes it. */
  async register(key: ServiceKey, instance: StoredInstance, signal: AbortSignal): Promise<void> {
    const form = {
      ...placeOf(instance),
      weight: String(instance.weight),
      enabled: String(instance.enabled),
      healthy: String(instance.healthy),
      ephemeral: String(instance.ephemeral),
      metadata: JSON.stringify(instance.metadata),
    };
    await this.#write("POST", `register ${key.service}`, key, form, signal);
  }

  async deregister(key: ServiceKey, instance: StoredInstance, signal: AbortSignal): Promise<void> {
    const form = { ...placeOf(instance), ephemeral: String(instance.ephemeral) };
    await this.#write("DELETE", `deregister ${key.service}`, key, form, signal);
  }

  /** A sign of life; false when the server wants the instance anew. */
  async beat(key: ServiceKey, instance: StoredInstance, signal: AbortSignal): Promise<boolean> {
    const { namespace: namespaceId, group: groupName, service: serviceName } = key;
    const place = placeOf(instance);
    const call: Call = {
      operation: `beat of ${serviceName}`,
      key,
      v1: {
        method: "PUT",
        path: "/v1/ns/instance/beat",
        query: { ...place, namespaceId, groupName, serviceName: groupedName(key) },
      },
      v3: {
        method: "POST",
        path: "/v3/client/ns/instance",
        form: { ...place, namespaceId, groupName, serviceName, heartBeat: "true" },
      },
    };
    return this.#call(call, signal, ({ text }) => {
      const answer = parseJson(text);
      const code = isRecord(answer) ? answer["code"] : undefined;
      return code !== instanceNotFound && code !== beatNotFound;
    });
  }

  /** Names of the services of a group. */
  async services(namespaceId: string, groupName: string, signal: AbortSignal): Promise<string[]> {
    const names: string[] = [];
    for (let page = 1; page <= maxPages; page += 1) {
      const place = { namespaceId, groupName, pageNo: String(page), pageSize: String(pageSize) };
      const call: Call = {
        operation: "list services",
        key: undefined,
        // The clients' part of version 3 has no such call, and the other part asks for more rights.
        first: "v1",
        v1: { method: "GET", path: "/v1/ns/service/list", query: place },
        v3: {
          method: "GET",
          path: "/v3/admin/ns/service/list",
          query: {
            namespaceId,
            groupNameParam: groupName,
            pageNo: place.pageNo,
            pageSize: place.pageSize,
          },
        },
      };
      const found = await this.#call(call, signal, ({ text }) =>
        serviceNames(parseJson(text), groupName),
      );
      names.push(...found.names);
      if (found.isLast) return names;
    }
    return names;
  }

  async #write(
    method: "POST" | "DELETE",
    operation: string,
    key: ServiceKey,
    fields: Readonly<Record<string, string>>,
    signal: AbortSignal,
  ): Promise<void> {
    const { namespace: namespaceId, group: groupName, service: serviceName } = key;
    const request = (path: string, name: string): Omit<HttpRequest, "operation"> => {
      const all = { ...fields, namespaceId, groupName, serviceName: name };
      return { method, path, ...(method === "POST" ? { form: all } : { query: all }) };
    };
    const call: Call = {
      operation,
      key,
      v1: request("/v1/ns/instance", groupedName(key)),
      v3: request("/v3/client/ns/instance", serviceName),
    };
    await this.#call(call, signal, () => undefined);
  }

  /** Asks one server after the other until one gives an answer that `read` accepts. */
  #call<T>(
    call: Call,
    signal: AbortSignal,
    read: (reply: HttpReply, version: Version) => T,
  ): Promise<T> {
    return this.#each(async (server) => {
      const { reply, version } = await this.#inItsVersion(server, call, signal);
      try {
        return read(reply, version);
      } catch (cause) {
        if (!(cause instanceof BodyError || cause instanceof ServiceInfoError)) throw cause;
        throw fault("PROTOCOL", this.#where(call.operation, server), cause.message, cause);
      }
    }, signal);
  }

  async #each<T>(ask: (server: Server) => Promise<T>, signal: AbortSignal): Promise<T> {
    const errors: unknown[] = [];
    for (const server of this.#servers.order()) {
      try {
        const value = await ask(server);
        this.#servers.succeeded(server);
        return value;
      } catch (thrown) {
        signal.throwIfAborted();
        // What one server refuses as wrong, the others do as well.
        if (thrown instanceof DiscoveryError && thrown.code === "INVALID") throw thrown;
        this.#servers.failed(server);
        errors.push(thrown);
      }
    }
    // While any server may answer later, asking again is right.
    throw errors.find((one) => one instanceof DiscoveryError && one.retryable) ?? errors[0];
  }

  async #inItsVersion(
    server: Server,
    call: Call,
    signal: AbortSignal,
  ): Promise<{ readonly reply: HttpReply; readonly version: Version }> {
    const first = call.first ?? this.#versions.get(server) ?? "v3";
    const versions: readonly Version[] = first === "v3" ? ["v3", "v1"] : ["v1", "v3"];
    const where = this.#where(call.operation, server);
    for (const version of versions) {
      const request = { ...call[version], operation: call.operation };
      const reply = await this.#send(server, request, call.key, signal);
      // 404: it never had this version. 410: it had, and is told not to any more. 501: not this call.
      if (reply.status === 404 || reply.status === 410 || reply.status === 501) continue;
      if (reply.status === 200 && !isRefusal(reply)) {
        if (call.first === undefined) this.#versions.set(server, version);
        return { reply, version };
      }
      throw refusal(reply, where, request.method !== "GET");
    }
    throw fault("PROTOCOL", where, "the server has no API for it; is the prefix right?");
  }

  async #send(
    server: Server,
    request: HttpRequest,
    key: Call["key"],
    signal: AbortSignal,
  ): Promise<HttpReply> {
    for (;;) {
      const identity = await this.#access.identity(server, key, signal);
      const { token, signature } = identity;
      const query = signature === undefined ? request.query : { ...request.query, ...signature };
      const reply = await this.#exchange.send(server, { ...request, query, token }, signal);
      if (!isDenied(reply) || !this.#access.refused(server, identity)) return reply;
    }
  }

  #where(operation: string, server: Server): Where {
    return { registry: this.#options.name, operation: `${operation} at ${server.origin}` };
  }
}

function placeOf({ ip, port, clusterName }: StoredInstance): Record<string, string> {
  return { ip, port: String(port), clusterName };
}

function isDenied({ status, body }: HttpReply): boolean {
  return status === 401 || status === 403 || codeOf(body) === accessDenied;
}

/** Version 3 says 200 to some things that it did not do. */
function isRefusal({ body }: HttpReply): boolean {
  const code = codeOf(body);
  return code !== undefined && ![0, 200, instanceNotFound, beatNotFound, 10_200].includes(code);
}

function codeOf(body: Buffer): number | undefined {
  const code = /^\{"code":(\d{1,9})[,}]/.exec(body.toString("latin1", 0, 32))?.[1];
  return code === undefined ? undefined : Number(code);
}

function refusal(reply: HttpReply, where: Where, isWrite: boolean): DiscoveryError {
  const { status, body, text } = reply;
  const code = codeOf(body);
  const answered = `the server answered ${status}${code === undefined ? "" : `, code ${code}`}`;
  if (isDenied(reply)) {
    return fault("AUTH", where, `${answered}: no right to do so, or wrong credentials`);
  }
  if (status === 400 || status === 413) {
    const reason = `${answered}: ${quoted(messageOf(text))}`;
    return fault(isWrite ? "INVALID" : "PROTOCOL", where, reason);
  }
  const mayPass = status >= 500 || status === 429 || status === 408 || status === 200;
  return fault(mayPass ? "UNAVAILABLE" : "PROTOCOL", where, answered);
}

/** What an answer says in words: a field of its JSON, or all of it. */
function messageOf(text: string): unknown {
  try {
    const answer = parseJson(text);
    if (!isRecord(answer)) return undefined;
    return typeof answer["data"] === "string" ? answer["data"] : answer["message"];
  } catch {
    return text;
  }
}

function dataOf(answer: unknown): unknown {
  return isRecord(answer) ? answer["data"] : undefined;
}

/** `{ count, doms }` of version 1, `{ data: { pageItems } }` of version 3. */
function serviceNames(
  answer: unknown,
  group: string,
): { readonly names: readonly string[]; readonly isLast: boolean } {
  const data = dataOf(answer);
  const doms = isRecord(answer) ? answer["doms"] : undefined;
  const items = isRecord(data) && Array.isArray(data["pageItems"]) ? data["pageItems"] : doms;
  if (!Array.isArray(items)) throw new BodyError("the answer has no list of services");
  const names: string[] = [];
  for (const item of items) {
    const name: unknown = isRecord(item) ? item["name"] : item;
    // Groups are matched by what they contain.
    if (isRecord(item) && item["groupName"] !== group) continue;
    if (typeof name === "string")
      names.push(name.startsWith(`${group}@@`) ? name.slice(group.length + 2) : name);
  }
  return { names, isLast: items.length < pageSize };
}

import type { NodeInput } from "@rollcall/core";

/** An instance as a server's list shows it. */
export interface ListedInstance {
  readonly ip: string;
  readonly port: number;
  readonly weight: number;
  readonly healthy: boolean;
  readonly enabled: boolean;
  readonly ephemeral: boolean;
  readonly clusterName: string;
  readonly metadata: Readonly<Record<string, string>>;
}

/** Fields of an instance that a node does not have. */
export interface RawFields {
  readonly clusterName?: string | undefined;
  readonly healthy?: boolean | undefined;
  readonly enabled?: boolean | undefined;
  readonly ephemeral?: boolean | undefined;
}

/** Where a service is; the defaults are Nacos' own. */
export interface RawScope {
  readonly namespaceId?: string | undefined;
  readonly groupName?: string | undefined;
}

/** A Nacos server as other people's clients and its own tools see it: plain HTTP, nothing of the adapter's. */
export interface RawNacos {
  /** One call; the parameters go into the query, or into the form of a POST and a PUT. */
  call(method: string, path: string, params?: Readonly<Record<string, string>>): Promise<string>;
  /** Registers an instance that needs no beats for an hour. */
  register(node: NodeInput, fields?: RawFields, scope?: RawScope): Promise<void>;
  deregister(
    service: string,
    place: { ip: string; port: number },
    fields?: RawFields,
  ): Promise<void>;
  /** Instances, without those that are disabled. */
  list(service: string, scope?: RawScope): Promise<readonly ListedInstance[]>;
  /** What the console does: changes an instance in the server's own metadata of it. */
  edit(service: string, place: { ip: string; port: number }, change: RawEdit): Promise<void>;
}

/** What an operator may change. */
export interface RawEdit {
  readonly weight?: number | undefined;
  readonly enabled?: boolean | undefined;
  readonly metadata?: Readonly<Record<string, string>> | undefined;
}

const hourMs = 3_600_000;

/**
 * @param version  Its generation: `3` has the API that clients of 3.x use, `2` the one before.
 * @param token  Asked for where the server wants one.
 */
export function rawNacos(
  url: string,
  version: "3.1" | "2.5",
  login?: { readonly username: string; readonly password: string },
): RawNacos {
  const client = version === "3.1" ? "/nacos/v3/client/ns/instance" : "/nacos/v1/ns/instance";
  const admin = version === "3.1" ? "/nacos/v3/admin/ns/instance" : "/nacos/v1/ns/instance";
  let token: string | undefined;

  async function send(
    method: string,
    path: string,
    params: Readonly<Record<string, string>>,
  ): Promise<Response> {
    const form = new URLSearchParams(params);
    const isBody = method === "POST" || (method === "PUT" && path.includes("/v3/"));
    return fetch(isBody ? url + path : `${url}${path}?${form.toString()}`, {
      method,
      headers: {
        // A kept connection could belong to a server that was restarted meanwhile.
        connection: "close",
        ...(token === undefined ? {} : { accessToken: token }),
      },
      ...(isBody ? { body: form } : {}),
      signal: AbortSignal.timeout(10_000),
    });
  }

  async function call(
    method: string,
    path: string,
    params: Readonly<Record<string, string>> = {},
  ): Promise<string> {
    let response = await send(method, path, params);
    if (response.status === 403 && login !== undefined) {
      const paths = { "3.1": "/nacos/v3/auth/user/login", "2.5": "/nacos/v1/auth/login" };
      const answer = await send("POST", paths[version], { ...login });
      token = ((await answer.json()) as { accessToken: string }).accessToken;
      response = await send(method, path, params);
    }
    const text = await response.text();
    if (!response.ok)
      throw new Error(`${method} ${path}: the server answered ${response.status} ${text}`);
    return text;
  }

  const placeOf = (
    service: string,
    { namespaceId = "public", groupName = "DEFAULT_GROUP" }: RawScope = {},
  ): Record<string, string> => ({
    namespaceId,
    groupName,
    serviceName: version === "3.1" ? service : `${groupName}@@${service}`,
  });
  const flagsOf = (fields: RawFields): Record<string, string> =>
    Object.fromEntries(Object.entries(fields).map(([key, value]) => [key, String(value)]));

  return {
    call,
    async register(node, fields = {}, scope) {
      const { service, host, port, weight = 100, zone, metadata = {}, id } = node;
      await call("POST", client, {
        ...placeOf(service, scope),
        ip: host,
        port: String(port),
        weight: String(weight),
        metadata: JSON.stringify({
          ...metadata,
          "preserved.heart.beat.timeout": String(hourMs),
          "preserved.ip.delete.timeout": String(hourMs),
          ...(zone === undefined ? {} : { zone }),
          ...(id === undefined ? {} : { "rollcall.id": id }),
        }),
        ...flagsOf(fields),
      });
    },
    async deregister(service, { ip, port }, fields = {}) {
      await call("DELETE", client, {
        ...placeOf(service),
        ip,
        port: String(port),
        ...flagsOf(fields),
      });
    },
    async list(service, scope) {
      const answer = JSON.parse(await call("GET", `${client}/list`, placeOf(service, scope))) as {
        data?: ListedInstance[];
        hosts?: ListedInstance[];
      };
      return answer.data ?? answer.hosts ?? [];
    },
    async edit(service, { ip, port }, { weight = 1, enabled = true, metadata }) {
      await call("PUT", admin, {
        ...placeOf(service),
        ip,
        port: String(port),
        weight: String(weight),
        enabled: String(enabled),
        ...(metadata === undefined ? {} : { metadata: JSON.stringify(metadata) }),
      });
    },
  };
}

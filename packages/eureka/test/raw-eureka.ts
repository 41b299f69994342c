import { request as httpRequest } from "node:http";
import { request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";

import type { NodeInput } from "@rollcall/core";

/** A Eureka server as other people's clients see it: plain HTTP, nothing of the adapter's. */
export interface RawEureka {
  /** Sends one request below the service URL; the body is JSON. */
  send(method: string, path: string, body?: unknown): Promise<{ status: number; json: unknown }>;
  /** Registers a record as Spring would write it, with a lease of a day. */
  register(node: NodeInput & { readonly id: string }, fields?: object): Promise<void>;
  /** The stored record; undefined when there is none. */
  instance(service: string, id: string): Promise<Record<string, unknown> | undefined>;
}

/** TLS of {@link rawEureka}. */
export interface RawTls {
  readonly ca: string;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** @param url  Service URL; user information in it is sent as Basic credentials. */
export function rawEureka(url: string, tls?: RawTls): RawEureka {
  const base = new URL(url);
  const { username, password } = base;
  base.username = "";
  base.password = "";

  function send(
    method: string,
    path: string,
    body?: unknown,
  ): Promise<{ status: number; json: unknown }> {
    const { promise, resolve, reject } = Promise.withResolvers<{ status: number; json: unknown }>();
    const open = base.protocol === "https:" ? httpsRequest : httpRequest;
    const request = open(
      base.href + path,
      {
        ...tls,
        method,
        // A kept connection could belong to a server that was restarted meanwhile.
        agent: false,
        headers: { accept: "application/json", "content-type": "application/json" },
        ...(username === ""
          ? {}
          : { auth: `${decodeURIComponent(username)}:${decodeURIComponent(password)}` }),
      },
      (response) => {
        const read = async (): Promise<{ status: number; json: unknown }> => {
          const answer = await text(response);
          const isJson = response.headers["content-type"]?.includes("json") === true;
          const json: unknown = isJson && answer !== "" ? JSON.parse(answer) : undefined;
          return { status: response.statusCode ?? 0, json };
        };
        resolve(read());
      },
    );
    request.on("error", reject);
    request.end(body === undefined ? undefined : JSON.stringify(body));
    return promise;
  }

  return {
    send,
    async register(node, fields = {}) {
      const { service, id, host, port, secure = false, weight, zone, metadata = {} } = node;
      const path = `apps/${encodeURIComponent(service)}`;
      const { status } = await send("POST", path, {
        instance: {
          instanceId: id,
          hostName: node.hostname ?? host,
          app: service.toUpperCase(),
          ipAddr: host,
          status: "UP",
          port: { $: secure ? 80 : port, "@enabled": String(!secure) },
          securePort: { $: secure ? port : 443, "@enabled": String(secure) },
          dataCenterInfo: {
            "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
            name: "MyOwn",
          },
          leaseInfo: { renewalIntervalInSecs: 30, durationInSecs: 86_400 },
          vipAddress: service.toLowerCase(),
          metadata: {
            ...metadata,
            ...(weight === undefined ? {} : { weight: String(weight) }),
            ...(zone === undefined ? {} : { zone }),
          },
          // Newer than whatever a client on this machine can have written.
          lastDirtyTimestamp: String(Date.now() + 1_000),
          ...fields,
        },
      });
      if (status >= 300) throw new Error(`the server answered ${status} to a registration`);
    },
    async instance(service, id) {
      const path = `apps/${encodeURIComponent(service)}/${encodeURIComponent(id)}`;
      const { status, json } = await send("GET", path);
      if (status === 404) return undefined;
      return (json as { instance: Record<string, unknown> }).instance;
    },
  };
}

import { request as requestHttp } from "node:http";
import { request as requestHttps } from "node:https";

/** What a raw client presents of itself. */
export interface RawAccess {
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
}

/** A stored record as etcd's JSON gateway tells it. */
export interface RawValue {
  readonly key: string;
  readonly value: string;
  readonly lease: string;
  readonly modRevision: number;
}

/** etcd's JSON gateway: another door than the one the adapter uses. */
export interface RawEtcd {
  /** With `lease`, under that; without, under none. */
  put(key: string, value: string | Buffer, lease?: string): Promise<void>;
  /** Puts under the lease the key has. */
  putKeepingLease(key: string, value: string): Promise<void>;
  get(key: string): Promise<RawValue | undefined>;
  remove(key: string): Promise<void>;
  removePrefix(prefix: string): Promise<void>;
  grantLease(ttlSeconds: number): Promise<string>;
  revokeLease(id: string): Promise<void>;
  /** Ids of all leases. */
  leases(): Promise<readonly string[]>;
  /** Forgets everything older than now. */
  compact(): Promise<void>;
  /** Any call of the gateway. */
  call(path: string, body: object): Promise<Record<string, unknown>>;
}

const base64 = (text: string | Buffer): string => Buffer.from(text).toString("base64");
const text = (value: unknown): string =>
  Buffer.from(typeof value === "string" ? value : "", "base64").toString("utf8");

/** The gateway of one member; asks for a token with each call where there is a login. */
export function rawEtcd(url: () => string, access: RawAccess = {}): RawEtcd {
  const call = async (path: string, body: object): Promise<Record<string, unknown>> => {
    const { username: name, password } = access;
    if (name === undefined) return post(url(), path, body, access);
    const login = { name, password };
    const { token } = await post(url(), "/v3/auth/authenticate", login, access);
    return post(url(), path, body, access, String(token));
  };
  return {
    async put(key, value, lease = "0") {
      await call("/v3/kv/put", { key: base64(key), value: base64(value), lease });
    },
    async putKeepingLease(key, value) {
      await call("/v3/kv/put", { key: base64(key), value: base64(value), ignore_lease: true });
    },
    async get(key) {
      const { kvs } = await call("/v3/kv/range", { key: base64(key) });
      const [found] = (kvs ?? []) as Record<string, string>[];
      if (found === undefined) return undefined;
      return {
        key: text(found["key"]),
        value: text(found["value"]),
        lease: found["lease"] ?? "0",
        modRevision: Number(found["mod_revision"]),
      };
    },
    async remove(key) {
      await call("/v3/kv/deleterange", { key: base64(key) });
    },
    async removePrefix(prefix) {
      const end = Buffer.from(prefix);
      end[end.length - 1] = (end.at(-1) ?? 0) + 1;
      await call("/v3/kv/deleterange", { key: base64(prefix), range_end: base64(end) });
    },
    async grantLease(ttlSeconds) {
      const { ID: id } = await call("/v3/lease/grant", { TTL: String(ttlSeconds) });
      return String(id);
    },
    async revokeLease(id) {
      await call("/v3/lease/revoke", { ID: id });
    },
    async leases() {
      const { leases } = await call("/v3/lease/leases", {});
      return ((leases ?? []) as { readonly ID: string }[]).map(({ ID: id }) => id);
    },
    async compact() {
      const { header } = await call("/v3/kv/range", { key: base64("x") });
      const { revision } = header as { readonly revision: string };
      await call("/v3/kv/compaction", { revision, physical: true });
    },
    call,
  };
}

function post(
  url: string,
  path: string,
  body: object,
  { ca, cert, key }: RawAccess,
  token?: string,
): Promise<Record<string, unknown>> {
  const request = url.startsWith("https:") ? requestHttps : requestHttp;
  return new Promise((resolve, reject) => {
    const sent = request(`${url}${path}`, {
      method: "POST",
      agent: false,
      signal: AbortSignal.timeout(10_000),
      headers: { "content-type": "application/json", ...(token && { authorization: token }) },
      ...(ca && { ca }),
      ...(cert && { cert }),
      ...(key && { key }),
    });
    sent.once("error", reject);
    sent.once("response", (response) => {
      let answer = "";
      response.setEncoding("utf8");
      response.on("data", (chunk: string) => (answer += chunk));
      response.once("error", reject);
      response.once("end", () => {
        if (response.statusCode === 200) {
          resolve(JSON.parse(answer) as Record<string, unknown>);
        } else {
          reject(new Error(`${path} answers ${response.statusCode}: ${answer}`));
        }
      });
    });
    sent.end(JSON.stringify(body));
  });
}

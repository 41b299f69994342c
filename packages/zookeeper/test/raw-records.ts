import type { Raw } from "@rollcall/conformance";
import type { NodeInput } from "@rollcall/core";

import { isMissing, type JsClient, persistent, settled, withJsClient } from "./js-client.ts";

/** Reads and writes data of znodes, however it connects. */
export interface RawStore {
  /** Creates the znode, with its parents and without a session to end with, or writes its data. */
  put(path: string, data: string): Promise<void>;
  /** Undefined when there is none. */
  get(path: string): Promise<string | undefined>;
  remove(path: string): Promise<void>;
}

/** With `node-zookeeper-client`, anew for each call: it does not survive a server that lost its data. */
export function jsStore(connectString: string): RawStore {
  const call = <T>(action: (client: JsClient) => Promise<T>): Promise<T> =>
    withJsClient(connectString, action);
  return {
    put: (path, data) =>
      call(async (client) => {
        const bytes = Buffer.from(data);
        try {
          await settled((done) => client.setData(path, bytes, done));
        } catch (error) {
          if (!isMissing(error)) throw error;
          const parent = path.slice(0, path.lastIndexOf("/"));
          await settled((done) => client.mkdirp(parent, done));
          // At once with its data: an empty record is a bad record.
          await settled((done) => client.create(path, bytes, persistent, done));
        }
      }),
    get: (path) =>
      call(async (client) => {
        try {
          return String(await settled((done) => client.getData(path, done)));
        } catch (error) {
          if (isMissing(error)) return undefined;
          throw error;
        }
      }),
    remove: (path) =>
      call(async (client) => {
        await settled((done) => client.remove(path, done));
      }),
  };
}

/** Records as Spring Cloud Zookeeper stores them. */
export function rawRecords(store: RawStore, root: string): Raw {
  const pathOf = (service: string, id: string): string => `${root}/${service}/${id}`;
  return {
    put: (node) => store.put(pathOf(node.service, node.id), springRecord(node)),
    putGarbage: (service) => store.put(pathOf(service, "garbage"), "{ not JSON"),
    corrupt: (service, id) =>
      store.put(
        pathOf(service, id),
        springRecord({ service, id, host: "192.0.2.1", port: 9, metadata: { scribble: "yes" } }),
      ),
    remove: (service, id) => store.remove(pathOf(service, id)),
    async stored(service, id) {
      const data = await store.get(pathOf(service, id));
      if (data === undefined) return undefined;
      return { serving: (JSON.parse(data) as Spring).payload.metadata["instance_status"] === "UP" };
    },
    async override(service, id) {
      const record = JSON.parse((await store.get(pathOf(service, id))) ?? "") as Spring;
      Object.assign(record.payload.metadata, { instance_status: "OUT_OF_SERVICE", weight: "7" });
      await store.put(pathOf(service, id), JSON.stringify(record));
      return { weight: 7, status: "draining" };
    },
  };
}

interface Spring {
  readonly payload: { readonly metadata: Record<string, string> };
}

/** What Spring Cloud Zookeeper 4.3 writes, as Curator's serializer puts it. */
export function springRecord(node: NodeInput & { readonly id: string }): string {
  const { service, id, host, port, secure = false, weight, zone, metadata = {} } = node;
  return JSON.stringify({
    name: service,
    id,
    address: host,
    port: secure ? null : port,
    sslPort: secure ? port : null,
    payload: {
      "@class": "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance",
      id: "application-1",
      name: service,
      metadata: {
        instance_status: "UP",
        ...metadata,
        ...(weight === undefined ? {} : { weight: String(weight) }),
        ...(zone === undefined ? {} : { zone }),
      },
    },
    registrationTimeUTC: 1_700_000_000_000,
    serviceType: "DYNAMIC",
    uriSpec: {
      parts: [
        { value: "scheme", variable: true },
        { value: "://", variable: false },
        { value: "address", variable: true },
        { value: ":", variable: false },
        { value: "port", variable: true },
      ],
    },
  });
}

import { startZookeeper } from "@rollcall/testbed";
import { zookeeperRegistry } from "@rollcall/zookeeper";

import { ourSide, ourVersion, versionOfPackage } from "./our-side.ts";
import type { Backend, SideSettings } from "./side.ts";
import { connect, done, plainZookeeper, record, root } from "./zookeeper-plain.ts";

/** The testbed's server has ticks of 200 ms; with those that servers have by default 4 s are the shortest. */
const sessionMs = ({ lease }: SideSettings): number => (lease === "shortest" ? 1_000 : 30_000);

/** What one transaction is made of. */
const perTransaction = 500;

/** ZooKeeper, and its npm client `node-zookeeper-client`. */
export const zookeeper: Backend = {
  name: "ZooKeeper",
  changes: 2_000,
  sides: {
    rollcall: {
      version: () => ourVersion,
      make: (url, settings) =>
        ourSide(
          zookeeperRegistry({
            servers: new URL(url).host,
            path: root,
            sessionTimeoutMs: sessionMs(settings),
          }),
        ),
    },
    "node-zookeeper-client": {
      version: () => versionOfPackage("node-zookeeper-client"),
      make: (url, settings) => plainZookeeper(url, sessionMs(settings)),
    },
  },
  async start(kind) {
    const server = await startZookeeper(
      kind === "default"
        ? { settings: { tickTime: "2000", minSessionTimeout: "-1", maxSessionTimeout: "-1" } }
        : {},
    );
    const url = `tcp://127.0.0.1:${server.port}`;
    const client = await connect(url, 30_000);
    return {
      url,
      version: server.version,
      ports: [{ offset: 0, wire: "zookeeper" }],
      async fill(service, from, count) {
        await done<string>((end) => client.mkdirp(`${root}/${service}`, end));
        for (let at = from; at < from + count; at += perTransaction) {
          const batch = client.transaction();
          for (let index = at; index < Math.min(at + perTransaction, from + count); index += 1) {
            batch.create(`${root}/${service}/n${index}`, record(service, index, "0"));
          }
          await done((end) => batch.commit(end));
        }
      },
      async change(service, index, version) {
        const path = `${root}/${service}/n${index}`;
        await done((end) => client.setData(path, record(service, index, version), -1, end));
      },
      async [Symbol.asyncDispose]() {
        client.close();
        await server.stop();
      },
    };
  },
};

import { conformance } from "@rollcall/conformance";
import { describeOwnZookeeper, startZookeeper, type ZookeeperProcess } from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { jsStore } from "./raw-records.ts";
import { zookeeperSubject } from "./zookeeper-subject.ts";

// The server grants no less than two of its ticks of 200 ms, and looks for sessions that are over once per tick.
const timing = { ttlMs: 1_000, expiryMs: 8_000, propagationMs: 10_000, noticeMs: 8_000 };

describeOwnZookeeper("a real ZooKeeper server", () => {
  let server: ZookeeperProcess;
  beforeAll(async () => {
    server = await startZookeeper();
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    zookeeperSubject({
      name: "ZooKeeper",
      timing,
      server: () => ({
        ports: [server.port],
        store: jsStore(server.connectString),
        wipe: () => server.restart("empty"),
        reset: () => server.restart("kept"),
      }),
      canWipe: true,
    }),
  );
});

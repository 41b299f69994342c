import { conformance } from "@rollcall/conformance";
import { describeOwnEtcd, type EtcdProcess, startEtcd } from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { etcdSubject } from "./etcd-subject.ts";

const timing = { ttlMs: 1_000, expiryMs: 15_000, propagationMs: 10_000, noticeMs: 8_000 };

describeOwnEtcd("a real etcd", () => {
  let server: EtcdProcess;
  beforeAll(async () => {
    server = await startEtcd();
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    etcdSubject({
      name: "etcd",
      timing,
      server: () => ({ url: server.url, wipe: () => server.restart("empty") }),
      canWipe: true,
      hasLogin: false,
    }),
  );
});

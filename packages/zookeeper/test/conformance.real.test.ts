import { conformance } from "@rollcall/conformance";
import {
  createAuthority,
  describeOwnZookeeper,
  startZookeeper,
  startZookeeperEnsemble,
  type ZookeeperEnsemble,
  type ZookeeperProcess,
} from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { Session } from "../src/client/session.ts";
import { jsStore } from "./raw-records.ts";
import { sessionOptions, sessionStore } from "./session-store.ts";
import { zookeeperSubject } from "./zookeeper-subject.ts";

// The server grants no less than two of its ticks of 200 ms, and looks for sessions that are over once per tick.
const timing = { ttlMs: 1_000, expiryMs: 8_000, propagationMs: 10_000, noticeMs: 8_000 };
const modeRules = ["R1", "R2", "R4", "R13", "R14", "R18"] as const;

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

describeOwnZookeeper("three real ZooKeeper servers", () => {
  let ensemble: ZookeeperEnsemble;
  beforeAll(async () => {
    ensemble = await startZookeeperEnsemble();
  });
  afterAll(() => ensemble?.stop());

  conformance(
    { describe, test },
    zookeeperSubject({
      name: "three ZooKeeper servers whose leader is killed",
      timing: { ...timing, ttlMs: 2_000, expiryMs: 15_000 },
      server: () => ({
        ports: ensemble.members.map(({ port }) => port),
        store: jsStore(ensemble.connectString),
        reset: async () => {
          const leader = await ensemble.leader();
          await leader.kill();
          await ensemble.leader();
          await leader.restart("kept");
        },
      }),
      canWipe: false,
      rules: modeRules,
    }),
  );
});

describeOwnZookeeper("a real ZooKeeper server that asks for SASL", () => {
  const password = 'p"a\\s:wörd';
  const auth = { scheme: "sasl", username: "some-one", password } as const;
  let server: ZookeeperProcess;
  let session: Session;
  beforeAll(async () => {
    server = await startZookeeper({ sasl: { [auth.username]: password } });
    session = new Session(sessionOptions(server.port, { logins: [auth] }));
  });
  afterAll(async () => {
    await session?.close();
    await server?.stop();
  });

  conformance(
    { describe, test },
    zookeeperSubject({
      name: "ZooKeeper with SASL",
      timing,
      server: () => ({
        ports: [server.port],
        store: sessionStore(session),
        reset: () => server.restart("kept"),
      }),
      canWipe: false,
      options: { auth },
      wrong: { auth: { ...auth, password: "not this one" } },
      rules: modeRules,
    }),
  );
});

describeOwnZookeeper("a real ZooKeeper server with TLS", () => {
  const authority = createAuthority();
  const client = authority.issue("a client");
  let server: ZookeeperProcess;
  beforeAll(async () => {
    server = await startZookeeper({ tls: { authority, clientAuth: "need" } });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    zookeeperSubject({
      name: "ZooKeeper with client certificates",
      timing,
      server: () => ({
        ports: [server.securePort ?? 0],
        store: jsStore(server.connectString),
        reset: () => server.restart("kept"),
      }),
      canWipe: false,
      options: { tls: { ca: authority.caPem, cert: client.certPem, key: client.keyPem } },
      rules: modeRules,
    }),
  );
});

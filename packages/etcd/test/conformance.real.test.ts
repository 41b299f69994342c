import { conformance } from "@rollcall/conformance";
import {
  createAuthority,
  describeOwnEtcd,
  type EtcdCluster,
  type EtcdProcess,
  startEtcd,
  startEtcdCluster,
} from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { etcdSubject } from "./etcd-subject.ts";

const timing = { ttlMs: 1_000, expiryMs: 15_000, propagationMs: 10_000, noticeMs: 8_000 };
const modeRules = ["R1", "R2", "R4", "R13", "R14", "R18"] as const;
const noLogin = {
  credentials: "the server asks for none",
  tokens: "the server asks for none",
};
const noWipe = { wipe: "what a wipe does is shown with one server" };

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
      server: () => ({ urls: [server.url], wipe: () => server.restart("empty") }),
      lacks: noLogin,
    }),
  );
});

describeOwnEtcd("a real etcd with users and roles", () => {
  const tokenMs = 3_000;
  const login = { username: "some one", password: "p@ss:wörd/%" };
  let server: EtcdProcess;
  beforeAll(async () => {
    server = await startEtcd({
      rootPassword: "root's",
      flags: { "auth-token-ttl": String(tokenMs / 1_000) },
    });
    await server.etcdctl("role", "add", "app");
    const grant = ["role", "grant-permission", "app", "readwrite", "/rollcall/", "--prefix=true"];
    await server.etcdctl(...grant);
    await server.etcdctl("user", "add", login.username, `--new-user-password=${login.password}`);
    await server.etcdctl("user", "grant-role", login.username, "app");
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    etcdSubject({
      name: "etcd with users and roles",
      timing: { ...timing, tokenMs },
      server: () => ({
        urls: [server.url],
        access: { username: "root", password: "root's" },
      }),
      lacks: noWipe,
      rules: modeRules,
      options: { ...login, tokenTtlMs: tokenMs },
    }),
  );
});

describeOwnEtcd("a real etcd with TLS", () => {
  const authority = createAuthority();
  const client = authority.issue("a client");
  const tls = { ca: authority.caPem, cert: client.certPem, key: client.keyPem };
  let server: EtcdProcess;
  beforeAll(async () => {
    server = await startEtcd({ tls: { authority, clientAuth: true } });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    etcdSubject({
      name: "etcd with client certificates",
      timing,
      server: () => ({ urls: [server.url], access: tls }),
      lacks: { ...noLogin, ...noWipe },
      rules: modeRules,
      options: { tls },
    }),
  );
});

describeOwnEtcd("three members of a real etcd", () => {
  let cluster: EtcdCluster;
  beforeAll(async () => {
    cluster = await startEtcdCluster();
  });
  afterAll(() => cluster?.stop());

  conformance(
    { describe, test },
    etcdSubject({
      name: "etcd, three members",
      timing,
      server: () => ({
        urls: cluster.urls,
        async reset() {
          const killed = await cluster.killLeader();
          await cluster.settled();
          await killed.restart();
        },
      }),
      lacks: { ...noLogin, ...noWipe },
      rules: modeRules,
    }),
  );
});

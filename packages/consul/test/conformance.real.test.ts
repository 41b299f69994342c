import { conformance } from "@rollcall/conformance";
import {
  consulApi,
  type ConsulCluster,
  type ConsulProcess,
  createAuthority,
  describeOwnConsul,
  startConsul,
  startConsulCluster,
  until,
} from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { consulSubject } from "./consul-subject.ts";

const timing = { ttlMs: 1_000, expiryMs: 10_000, propagationMs: 10_000, noticeMs: 10_000 };
const modeRules = ["R1", "R2", "R4", "R13", "R14", "R18"] as const;

describeOwnConsul("real Consul agents of two datacentres", () => {
  let servers: readonly [ConsulProcess, ConsulProcess];
  beforeAll(async () => {
    const first = await startConsul();
    const second = await startConsul({ datacenter: "dc2", joinWan: [first.wanAddress] });
    servers = [first, second];
  });
  afterAll(async () => {
    await Promise.all(servers.map((server) => server.stop()));
  });
  const wipe = (): Promise<void> => servers[0].restart();

  conformance(
    { describe, test },
    consulSubject({
      name: "Consul",
      timing,
      servers: () => servers,
      wipe,
      options: { datacenter: "dc1" },
    }),
  );

  conformance(
    { describe, test },
    consulSubject({
      name: "Consul, datacentres merged",
      timing,
      servers: () => servers,
      wipe,
      rules: ["R1", "R2", "R3", "R4", "R8", "R10", "R11", "R12", "R13", "R14"],
    }),
  );
});

describeOwnConsul("a real Consul agent with access control", () => {
  let server: ConsulProcess;
  const tokens = { right: "", wrong: "" };
  beforeAll(async () => {
    server = await startConsul({ acl: true });
    // An agent that the wrong token may read, beside the one that it may not.
    await consulApi(server.access, "PUT", "/v1/catalog/register", {
      Node: "elsewhere",
      Address: "192.0.2.7",
    });
    tokens.right = await tokenFor(
      server,
      'service_prefix "" { policy = "write" } node_prefix "" { policy = "read" }',
    );
    tokens.wrong = await tokenFor(
      server,
      'service_prefix "" { policy = "read" } node "elsewhere" { policy = "read" }',
    );
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    consulSubject({
      name: "Consul with access control",
      timing,
      servers: () => [server],
      token: () => tokens.right,
      wrongToken: () => tokens.wrong,
      rules: modeRules,
    }),
  );
});

describeOwnConsul("a real Consul agent with TLS", () => {
  const authority = createAuthority();
  const client = authority.issue("a client");
  let server: ConsulProcess;
  beforeAll(async () => {
    server = await startConsul({ tls: { authority, clientAuth: true } });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    consulSubject({
      name: "Consul with client certificates",
      timing,
      servers: () => [server],
      options: { tls: { ca: authority.caPem, cert: client.certPem, key: client.keyPem } },
      wipe: () => server.restart(),
      rules: modeRules,
    }),
  );
});

describeOwnConsul("three real Consul servers", () => {
  let cluster: ConsulCluster;
  beforeAll(async () => {
    cluster = await startConsulCluster();
    await cluster.settled();
  });
  afterAll(() => cluster?.stop());

  conformance(
    { describe, test },
    consulSubject({
      name: "three Consul servers",
      timing: { ttlMs: 2_000, expiryMs: 30_000, propagationMs: 30_000, noticeMs: 30_000 },
      servers: () => cluster.servers as [ConsulProcess, ...ConsulProcess[]],
      // The leader is gone, and comes back as a follower.
      reset: async () => {
        const killed = await cluster.killLeader();
        await cluster.settled();
        await killed.restart();
        await cluster.settled();
      },
      rules: modeRules,
    }),
  );
});

async function tokenFor({ access }: ConsulProcess, rules: string): Promise<string> {
  const name = `policy-${Math.random().toString(36).slice(2)}`;
  return until(
    async () => {
      await consulApi(access, "PUT", "/v1/acl/policy", { Name: name, Rules: rules });
      const body = { Policies: [{ Name: name }] };
      const answer = await consulApi(access, "PUT", "/v1/acl/token", body);
      return (answer.body as { SecretID?: string }).SecretID;
    },
    { what: "a token" },
  );
}

import { conformance } from "@rollcall/conformance";
import {
  createAuthority,
  describeOwnEureka,
  type EurekaProcess,
  freePort,
  startEureka,
} from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { eurekaSubject } from "./eureka-subject.ts";

// The shortest lease is a second, which Eureka counts twice, and leases are checked every second.
const timing = { ttlMs: 1_000, expiryMs: 20_000, propagationMs: 20_000, noticeMs: 15_000 };
const modeRules = ["R1", "R2", "R4", "R13", "R14", "R18"] as const;

describeOwnEureka("a real Eureka server", () => {
  let server: EurekaProcess;
  beforeAll(async () => {
    server = await startEureka();
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    eurekaSubject({
      name: "Eureka",
      timing,
      server: () => ({ url: server.url, wipe: () => server.restart() }),
      canWipe: true,
      hasLogin: false,
    }),
  );
});

describeOwnEureka("a real Eureka server with Spring Security", () => {
  const auth = { username: "some one", password: "p@ss:wörd/%" };
  let server: EurekaProcess;
  beforeAll(async () => {
    server = await startEureka({ auth });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    eurekaSubject({
      name: "Eureka with Basic authentication",
      // It hashes the password for each request, slowly on purpose.
      timing: { ...timing, ttlMs: 3_000 },
      options: { intervalMs: 200 },
      server: () => ({
        url: server.url.replace(
          "//",
          `//${encodeURIComponent(auth.username)}:${encodeURIComponent(auth.password)}@`,
        ),
      }),
      canWipe: false,
      hasLogin: true,
      rules: modeRules,
    }),
  );
});

describeOwnEureka("a real Eureka server with TLS", () => {
  const authority = createAuthority();
  const client = authority.issue("a client");
  let server: EurekaProcess;
  beforeAll(async () => {
    server = await startEureka({ tls: { authority, clientAuth: "need" } });
  });
  afterAll(() => server?.stop());

  const tls = { ca: authority.caPem, cert: client.certPem, key: client.keyPem };
  conformance(
    { describe, test },
    eurekaSubject({
      name: "Eureka with client certificates",
      timing,
      server: () => ({ url: server.url, tls }),
      canWipe: false,
      hasLogin: false,
      rules: modeRules,
      options: { tls },
    }),
  );
});

describeOwnEureka("two real Eureka servers that replicate", () => {
  let servers: readonly EurekaProcess[] = [];
  beforeAll(async () => {
    const ports = [await freePort(), await freePort()];
    const urls = ports.map((port) => `http://127.0.0.1:${port}/eureka/`);
    const start = (port: number, index: number): Promise<EurekaProcess> =>
      startEureka({ port, peers: urls.filter((_, other) => other !== index) });
    servers = await Promise.all(ports.map(start));
  });
  afterAll(() => Promise.all(servers.map((server) => server.stop())));

  conformance(
    { describe, test },
    eurekaSubject({
      name: "a cluster of two Eureka servers",
      timing,
      // Starts at the first server, where the suite's own records go; the other has them a little later.
      options: { random: () => 0.4 },
      server: () => ({ url: servers[0]?.url ?? "", peerUrl: servers[1]?.url }),
      canWipe: false,
      hasLogin: false,
      rules: modeRules,
    }),
  );
});

import { createServer as createTcpServer } from "node:net";

import { DiscoveryError } from "@rollcall/core";
import { type EurekaServer, startEurekaServer } from "@rollcall/eureka-server";
import { createAuthority } from "@rollcall/testbed";
import { afterAll, beforeAll, describe, expect, test } from "vitest";

import { eurekaRegistry, type EurekaTls } from "../src/index.ts";

const authority = createAuthority();
const stranger = createAuthority("A stranger");
const [forLoopback, forName] = [
  authority.issue("eureka", ["127.0.0.1"]),
  authority.issue("eureka", ["eureka.example.com"]),
];
const client = authority.issue("a client");
const strange = stranger.issue("a client");
const ca = authority.caPem;

/** What a call gives with these options: `ok`, or the error's code and reason. */
async function outcome(url: string, tls: EurekaTls | undefined): Promise<string> {
  await using registry = eurekaRegistry({ servers: url, tls });
  try {
    await registry.services();
    return "ok";
  } catch (error) {
    if (!(error instanceof DiscoveryError)) throw error;
    return `${error.code} ${error.reason}`;
  }
}

describe("a server with a certificate", () => {
  let server: EurekaServer;
  let named: EurekaServer;
  beforeAll(async () => {
    const pem = (one: typeof forName): { key: string; cert: string } => ({
      key: one.keyPem,
      cert: one.certPem,
    });
    server = await startEurekaServer({ tls: pem(forLoopback) });
    named = await startEurekaServer({ tls: pem(forName) });
  });
  afterAll(() => Promise.all([server.close(), named.close()]));

  test("is trusted by its authority", async () => {
    expect(await outcome(server.url, { ca })).toBe("ok");
    expect(await outcome(server.url, { ca: Buffer.from(ca) })).toBe("ok");
    expect(await outcome(server.url, { ca: [stranger.caPem, ca] })).toBe("ok");
  });

  test("is not trusted without, unless that is said", async () => {
    expect(await outcome(server.url, undefined)).toMatch(/^UNAVAILABLE .*UNABLE_TO_VERIFY/);
    expect(await outcome(server.url, { ca: stranger.caPem })).toMatch(/^UNAVAILABLE /);
    expect(await outcome(server.url, { verify: true })).toMatch(/^UNAVAILABLE /);
    expect(await outcome(server.url, { verify: undefined })).toMatch(/^UNAVAILABLE /);
    expect(await outcome(server.url, { verify: false })).toBe("ok");
  });

  test("must bear the name that is asked for", async () => {
    expect(await outcome(named.url, { ca })).toMatch(/^UNAVAILABLE .*ERR_TLS_CERT_ALTNAME_INVALID/);
    expect(await outcome(named.url, { ca, serverName: "eureka.example.com" })).toBe("ok");
    expect(await outcome(named.url, { ca, serverName: "other.example.com" })).toMatch(
      /ERR_TLS_CERT_ALTNAME_INVALID/,
    );
  });
});

test("a server may ask for a client's certificate", async () => {
  await using server = await startEurekaServer({
    tls: { key: forLoopback.keyPem, cert: forLoopback.certPem, ca, requestCert: true },
  });
  const own = { cert: client.certPem, key: client.keyPem };
  expect(await outcome(server.url, { ca, ...own })).toBe("ok");
  expect(await outcome(server.url, { ca })).toMatch(/^UNAVAILABLE /);
  const others = { cert: strange.certPem, key: strange.keyPem };
  expect(await outcome(server.url, { ca, ...others })).toMatch(/^UNAVAILABLE /);
});

test("a certificate and a key that do not belong together are refused", () => {
  const tls = { cert: client.certPem, key: strange.keyPem };
  expect(() => eurekaRegistry({ servers: "https://h/", tls })).toThrow("that fits together");
});

test("the time limit of connecting includes the TLS handshake", async () => {
  const silent = createTcpServer((socket) => socket.on("error", () => undefined).resume());
  const { promise, resolve } = Promise.withResolvers<void>();
  silent.listen(0, "127.0.0.1", resolve);
  await promise;
  const { port } = silent.address() as { port: number };
  await using registry = eurekaRegistry({
    servers: `https://127.0.0.1:${port}/eureka/`,
    timeouts: { connectMs: 100, readMs: 60_000 },
  });
  await expect(registry.services()).rejects.toMatchObject({
    code: "TIMEOUT",
    reason: "no connection within 100 ms",
  });
  await registry[Symbol.asyncDispose]();
  silent.close();
});

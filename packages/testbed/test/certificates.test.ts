import assert from "node:assert/strict";
import { X509Certificate } from "node:crypto";
import { once } from "node:events";
import type { AddressInfo } from "node:net";
import { type ConnectionOptions, type TLSSocket, connect, createServer } from "node:tls";
import { test } from "vitest";
import { createAuthority } from "../src/index.ts";

test("what the authority issues is well-formed and signed by it", () => {
  const authority = createAuthority("Château");
  const ca = new X509Certificate(authority.caPem);
  const leaf = new X509Certificate(
    authority.issue("eureka", ["localhost", "127.0.0.1", "::1"]).certPem,
  );
  assert.equal(ca.ca, true);
  assert.equal(ca.subject, "CN=Château");
  assert.equal(leaf.ca, false);
  assert.equal(leaf.subject, "CN=eureka");
  assert.equal(leaf.checkIssued(ca), true);
  assert.equal(leaf.verify(ca.publicKey), true);
  assert.equal(
    leaf.subjectAltName,
    "DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1",
  );
  assert.deepEqual(leaf.checkHost("example.org"), undefined);
  assert.notEqual(leaf.serialNumber, ca.serialNumber);
});

test("both sides of a TLS connection accept each other, and no stranger", async () => {
  const authority = createAuthority();
  const { certPem: cert, keyPem: key } = authority.issue("server", ["localhost"]);
  const server = createServer({
    cert,
    key,
    ca: authority.caPem,
    requestCert: true,
    rejectUnauthorized: true,
  });
  server.on("secureConnection", (socket) => socket.end("hello"));
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as AddressInfo;
  const hear = async (options: ConnectionOptions): Promise<string> => {
    const socket: TLSSocket = connect({
      port,
      host: "127.0.0.1",
      servername: "localhost",
      ...options,
    });
    let heard = "";
    for await (const chunk of socket.setEncoding("utf8")) heard += String(chunk);
    return heard;
  };
  const issued = authority.issue("client");
  const client = { cert: issued.certPem, key: issued.keyPem };
  try {
    assert.equal(await hear({ ca: authority.caPem, ...client }), "hello");
    await assert.rejects(hear({ ca: createAuthority().caPem, ...client }));
    await assert.rejects(hear({ ca: authority.caPem }));
  } finally {
    server.close();
  }
});

test("an address it cannot encode is refused", () => {
  assert.throws(() => createAuthority().issue("x", ["2001:db8::1"]), /2001:db8::1/);
});

import assert from "node:assert/strict";
import { randomBytes } from "node:crypto";
import { connect, type TLSSocket } from "node:tls";

import { describe, onTestFinished, test } from "vitest";

import { createProxy, type ListenAddress, type ListenTls, type Proxy } from "../src/index.ts";
import { ticketKeys } from "../src/tls/ticket-keys.ts";
import { authority, certificateFor } from "./wire.ts";

const shop = certificateFor("shop.example");
const renewed = certificateFor("shop.example");
const other = certificateFor("other.example");

/** A proxy that listens with TLS. */
async function listening(
  tls: ListenTls,
  secret?: Uint8Array,
): Promise<{ readonly proxy: Proxy; readonly address: ListenAddress }> {
  const proxy = createProxy({
    route: () => ({ kind: "reply", status: 200, headers: {}, body: "" }),
  });
  onTestFinished(() => proxy.close({ drainMs: 0 }));
  if (secret !== undefined) proxy.setTicketSecret(secret);
  return { proxy, address: await proxy.listen({ host: "127.0.0.1", port: 0, tls }) };
}

/** One connection: whether it took up `session`, and the ticket for the next one. */
async function visit(
  address: ListenAddress,
  how: { readonly session?: Buffer; readonly version?: "TLSv1.2" | "TLSv1.3" } = {},
): Promise<{ readonly reused: boolean; readonly session: Buffer }> {
  const { session, version = "TLSv1.3" } = how;
  const socket: TLSSocket = connect({
    ...address,
    ca: authority.caPem,
    servername: "shop.example",
    minVersion: version,
    maxVersion: version,
    session,
  });
  onTestFinished(() => void socket.destroy());
  // With 1.3 it comes after the handshake.
  const ticket = new Promise<Buffer>((resolve) => socket.once("session", resolve));
  await new Promise<void>((resolve, reject) => {
    socket.once("secureConnect", resolve);
    socket.once("error", reject);
  });
  const reused = socket.isSessionReused();
  // A session that is taken up goes on with the ticket it has.
  const next = reused ? session! : await ticket;
  socket.destroy();
  return { reused, session: next };
}

describe("tickets of TLS sessions", () => {
  for (const version of ["TLSv1.2", "TLSv1.3"] as const) {
    test(`${version}: proxies of one secret take up each other's sessions, others do not`, async () => {
      const secret = randomBytes(48);
      const tls = { certificates: [shop] };
      const [one, two] = [await listening(tls, secret), await listening(tls, secret)];
      const strangers = [await listening(tls), await listening(tls, randomBytes(48))];
      let { session, reused } = await visit(one.address, { version });
      assert.equal(reused, false);
      for (const { address } of [two, one, two, two]) {
        ({ session, reused } = await visit(address, { session, version }));
        assert.equal(reused, true);
      }
      for (const { address } of strangers) {
        assert.equal((await visit(address, { session, version })).reused, false);
      }
    });

    test(`${version}: a new secret ends the sessions of before, and begins others`, async () => {
      const { proxy, address } = await listening({ certificates: [shop] }, randomBytes(48));
      const before = await visit(address, { version });
      assert.equal((await visit(address, { ...before, version })).reused, true);
      proxy.setTicketSecret(randomBytes(48));
      const after = await visit(address, { ...before, version });
      assert.equal(after.reused, false);
      assert.equal((await visit(address, { ...after, version })).reused, true);
    });
  }

  test("a session does not outlive its certificate, and a name that is taken away is refused", async () => {
    const { proxy, address } = await listening({ certificates: [shop] }, randomBytes(48));
    const { session } = await visit(address);
    proxy.setTls(address, { certificates: [renewed] });
    const after = await visit(address, { session });
    assert.equal(after.reused, false);
    proxy.setTls(address, { certificates: [other], unknownNames: "refuse" });
    await assert.rejects(visit(address, after), /handshake failure/);
  });

  test("keys are the same for the same certificates and names only", () => {
    const secret = randomBytes(32);
    const tls: ListenTls = { certificates: [shop, other] };
    const keys = ticketKeys(secret, tls);
    assert.equal(keys.length, 48);
    const same = { ...shop, cert: Buffer.from(shop.cert) };
    assert.deepEqual(ticketKeys(secret, { certificates: [same, other] }), keys);
    for (const [index, one] of [
      { certificates: [shop] },
      { certificates: [other, shop] },
      { certificates: [renewed, other] },
      { certificates: [shop, { ...other, names: ["shop.example"] }] },
      { ...tls, unknownNames: "refuse" as const },
    ].entries()) {
      assert.notDeepEqual(ticketKeys(secret, one), keys, String(index));
    }
    assert.notDeepEqual(ticketKeys(randomBytes(32), tls), keys);
  });

  test("a short secret is refused, and nothing changes", async () => {
    const { proxy, address } = await listening({ certificates: [shop] }, randomBytes(48));
    const { session } = await visit(address);
    assert.throws(() => proxy.setTicketSecret(randomBytes(31)), {
      name: "RangeError",
      message: "the ticket secret has 31 bytes; give 32 or more",
    });
    assert.equal((await visit(address, { session })).reused, true);
  });
});

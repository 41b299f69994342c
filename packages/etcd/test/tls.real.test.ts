import { createAuthority, describeOwnEtcd, type EtcdProcess, startEtcd } from "@rollcall/testbed";
import { afterAll, beforeAll, expect, test } from "vitest";

import { connected } from "./connected.ts";

describeOwnEtcd("TLS", () => {
  const { registry: connect } = connected();
  const authority = createAuthority();
  const ca = authority.caPem;
  const clientOf = (name: string): { readonly cert: string; readonly key: string } => {
    const { certPem: cert, keyPem: key } = authority.issue(name);
    return { cert, key };
  };
  const query = { service: "orders" };
  const signal = (): AbortSignal => AbortSignal.timeout(20_000);
  let server: EtcdProcess;

  beforeAll(async () => {
    server = await startEtcd({ rootPassword: "p", tls: { authority, clientAuth: true } });
    await server.etcdctl("user", "add", "reader", "--no-password");
    await server.etcdctl("role", "add", "reader");
    await server.etcdctl(
      "role",
      "grant-permission",
      "reader",
      "read",
      "/rollcall/",
      "--prefix=true",
    );
    await server.etcdctl("user", "grant-role", "reader", "reader");
  });
  afterAll(() => server?.stop());

  const read = async (tls: object | undefined, options: object = {}): Promise<unknown> =>
    connect({ hosts: server.url, ...(tls && { tls }), ...options })
      .read(query, signal())
      .then(({ nodes }) => nodes.length)
      .catch((thrown: unknown) => thrown);

  test("with a client certificate and a password gets in", async () => {
    const login = { username: "root", password: "p" };
    expect(await read({ ca, ...clientOf("anybody") }, login)).toBe(0);
    const port = new URL(server.url).port;
    const hosts = [`localhost:${port}`];
    expect(await read({ ca, ...clientOf("anybody") }, { ...login, hosts })).toBe(0);
  });

  test("takes the name in the client certificate for the user", async () => {
    expect(await read({ ca, ...clientOf("reader") })).toBe(0);
    expect(await read({ ca, ...clientOf("nobody") })).toMatchObject({ code: "AUTH" });
    const registry = connect({ hosts: server.url, tls: { ca, ...clientOf("reader") } });
    await expect(registry.register({ ...query, host: "h", port: 1 })).rejects.toMatchObject({
      code: "AUTH",
    });
  });

  test.each([
    [
      "of an authority we do not trust",
      { ca: createAuthority("another").caPem },
      /SELF_SIGNED|VERIFY|UNABLE/,
    ],
    ["that carries another name", { ca, serverName: "orders.example.com" }, /ALTNAME/],
  ])("refuses a server %s", async (_, tls, reason) => {
    const error = await read({ ...tls, ...clientOf("reader") });
    expect(error).toMatchObject({ code: "UNAVAILABLE", reason: expect.stringMatching(reason) });
  });

  test("checks the name it is told to, or nothing if it must not", async () => {
    expect(await read({ ca, serverName: "localhost", ...clientOf("reader") })).toBe(0);
    expect(await read({ verify: false, ...clientOf("reader") })).toBe(0);
  });

  test("is an error where the server wants a certificate we do not have, or no TLS is spoken", async () => {
    expect(await read({ ca })).toMatchObject({ code: "UNAVAILABLE" });
    const hosts = server.url.replace("https:", "http:");
    expect(await read(undefined, { hosts })).toMatchObject({ code: "UNAVAILABLE" });
    await using plain = await startEtcd();
    const secure = plain.url.replace("http:", "https:");
    expect(await read({ ca }, { hosts: secure })).toMatchObject({ code: "UNAVAILABLE" });
  });
});

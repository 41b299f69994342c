import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { ForwardedFields } from "../src/exchange/forwarded-fields.ts";
import type { ReceivedHead } from "../src/http1/received-head.ts";
import { forwardedElements } from "../src/exchange/forwarded-elements.ts";
import { createProxy } from "../src/index.ts";
import { tell } from "./told.ts";
import { forwardTo } from "./wire.ts";

describe("reading Forwarded", () => {
  const one = (address: string, host = "", proto = ""): object => ({ address, host, proto });

  test.each([
    ["nothing", "", []],
    ["one address", "for=192.0.2.43", [one("192.0.2.43")]],
    ["a list", "for=192.0.2.43, for=198.51.100.17", [one("192.0.2.43"), one("198.51.100.17")]],
    [
      "all parameters, whatever their case",
      'For=192.0.2.60;PROTO=HTTP;by=203.0.113.43;hOsT="shop.example:8443"',
      [one("192.0.2.60", "shop.example:8443", "http")],
    ],
    ["IPv6", 'for="[2001:db8:cafe::17]"', [one("2001:db8:cafe::17")]],
    ["IPv6 with a port", 'for="[2001:db8:cafe::17]:4711"', [one("2001:db8:cafe::17")]],
    ["IPv4 with a port", 'for="192.0.2.43:47011"', [one("192.0.2.43")]],
    ["IPv4 that an IPv6 socket tells", 'for="[::ffff:192.0.2.43]"', [one("192.0.2.43")]],
    ["a hidden port", 'for="192.0.2.43:_gazonk"', [one("192.0.2.43")]],
    ["an unknown one", "for=unknown", [one("")]],
    ["an unknown one with a port", 'for="Unknown:80"', [one("")]],
    ["a hidden one", "for=_hidden, for=_SEVKISEK", [one(""), one("")]],
    ["escapes", 'for="192\\.0.2.4\\3"', [one("192.0.2.43")]],
    ["what separates, in quotes", 'secret="a,b;c=\\"d";for=192.0.2.1', [one("192.0.2.1")]],
    ["unknown parameters", "for=192.0.2.1;ext=1", [one("192.0.2.1")]],
    ["a proxy that tells no address", "proto=https;by=_edge", [one("", "", "https")]],
    [
      "spaces around what separates",
      "for=192.0.2.1 ; proto=http\t,\tproto=https",
      [one("192.0.2.1", "", "http"), one("", "", "https")],
    ],
    ["empty elements and pairs", ",;for=192.0.2.1;;, ,", [one("192.0.2.1")]],
    ["another scheme", "proto=wss", [one("", "", "wss")]],
    ["an empty host", 'host=""', [one("")]],
  ])("%s", (_name, text, elements) => {
    assert.deepEqual(forwardedElements(text), elements);
  });

  test.each([
    ["no value", "for="],
    ["no name", "=192.0.2.1"],
    ["a name alone", "for"],
    ["a value alone", "192.0.2.1"],
    ["a space before the value", "for= 192.0.2.1"],
    ["a space before the equals sign", "for =192.0.2.1"],
    ["pairs without a separator", "for=192.0.2.1 proto=http"],
    ["a quote that does not end", 'for="192.0.2.1'],
    ["a quote that ends twice", 'for="192.0.2.1"x'],
    ["a quote within a token", 'for=19"2.0.2.1"'],
    ["an escape of nothing", 'for="192.0.2.1\\'],
    ["the same parameter twice", "for=192.0.2.1;For=192.0.2.2"],
    ["IPv6 without quotes", "for=[2001:db8::1]"],
    ["IPv6 without brackets", 'for="2001:db8::1"'],
    ["brackets around IPv4", 'for="[192.0.2.1]"'],
    ["brackets that do not end", 'for="[2001:db8::1"'],
    ["a port without quotes", "for=192.0.2.1:80"],
    ["a port that is too long", 'for="192.0.2.1:123456"'],
    ["a port that is none", 'for="192.0.2.1:x"'],
    ["a zone", 'for="[fe80::1%eth0]"'],
    ["no address", "for=192.0.2.256"],
    ["a name", "for=client.example"],
    ["hidden behind nothing", "for=_"],
    ["an empty node", 'for=""'],
    ["a bad node in by", "by=here"],
    ["a bad host", 'host="a b"'],
    ["a host with a path", 'host="a/b"'],
    ["a bad scheme", 'proto="ht tp"'],
    ["an empty scheme", 'proto=""'],
    ["one bad element among good ones", "for=192.0.2.1, for=, for=192.0.2.2"],
  ])("%s: none of it is read", (_name, text) => {
    assert.equal(forwardedElements(text), undefined);
  });

  test("takes no longer than it is long", () => {
    const long = 'a="\\"'.repeat(50_000);
    assert.equal(forwardedElements(long), undefined);
    assert.equal(forwardedElements(`for=192.0.2.1${" ".repeat(200_000)}x`), undefined);
    assert.equal(forwardedElements(`for=192.0.2.1${",".repeat(200_000)}`)?.length, 1);
  });
});

describe("Forwarded", () => {
  const trustedProxies = ["127.0.0.0/8", "10.0.0.0/8", "2001:db8::/32"];
  const client =
    "Forwarded: for=203.0.113.9;proto=https;host=shop.example, for=10.1.2.3;proto=http\r\n";

  test("of a trusted proxy tells who asked, for what, and goes on", async () => {
    const { headers, route, peer, log } = await tell(client, { trustedProxies });
    assert.deepEqual([route, peer, log], ["203.0.113.9", "127.0.0.1", "203.0.113.9"]);
    assert.equal(headers["x-real-ip"], "203.0.113.9");
    assert.equal(headers["x-forwarded-for"], "203.0.113.9, 10.1.2.3, 127.0.0.1");
    assert.equal(headers["x-forwarded-proto"], "https");
    assert.equal(headers["x-forwarded-host"], "shop.example");
    assert.equal(headers["x-forwarded-port"], "443");
    assert.equal(
      headers["forwarded"],
      "for=203.0.113.9;proto=https;host=shop.example, for=10.1.2.3;proto=http, " +
        'for=127.0.0.1;host="shop.example";proto=http',
    );
  });

  test("of anybody else is dropped", async () => {
    for (const settings of [
      {},
      { trustedProxies: ["10.0.0.0/8"] },
      { trustedProxies: ["10.0.0.0/8"], trustedFields: "forwarded" },
    ] as const) {
      const { headers, route, log } = await tell(client, settings);
      assert.deepEqual([route, log], ["127.0.0.1", "127.0.0.1"]);
      assert.equal(headers["forwarded"], undefined);
      assert.equal(headers["x-forwarded-for"], "127.0.0.1");
      assert.equal(headers["x-forwarded-proto"], "http");
    }
  });

  test.each([
    ["what a client forged", "for=1.1.1.1;proto=https;host=evil, for=203.0.113.9", "203.0.113.9"],
    [
      "several fields",
      "for=1.1.1.1\r\nForwarded: for=203.0.113.9\r\nforwarded: for=10.1.1.1",
      "203.0.113.9",
    ],
    ["trusted ones only", "for=10.0.0.3, for=10.0.0.2", "10.0.0.3"],
    ["a hidden one", "for=203.0.113.9, for=_hidden, for=10.0.0.2", "10.0.0.2"],
    ["an unknown one", "for=203.0.113.9, for=unknown", "127.0.0.1"],
    ["a proxy that tells no address", "for=203.0.113.9, proto=https", "127.0.0.1"],
    ["IPv6", 'for="[2001:db9::7]:80", for="[2001:db8::1]"', "2001:db9::7"],
    ["half of it malformed", "for=203.0.113.9, for=10.0.0.3:80", "127.0.0.1"],
  ])("is believed from the right: %s", async (_name, value, address) => {
    const { headers, route } = await tell(`Forwarded: ${value}\r\n`, { trustedProxies });
    assert.equal(route, address);
    assert.equal(headers["x-real-ip"], address);
    assert.doesNotMatch(headers["x-forwarded-for"] ?? "", /1\.1\.1\.1/);
    assert.notEqual(headers["x-forwarded-host"], "evil");
  });

  test("that is malformed is neither believed nor passed on", async () => {
    const { headers } = await tell("Forwarded: for=203.0.113.9;proto=https;host\r\n", {
      trustedProxies,
    });
    assert.equal(headers["forwarded"], undefined);
    assert.equal(headers["x-forwarded-proto"], "http");
    assert.equal(headers["x-forwarded-for"], "127.0.0.1");
  });

  test("names who is connected, whatever kind of address that is", () => {
    const lines = (peerAddress: string, host: string | undefined): string => {
      const testimony = { clientAddress: "a", forwardedFor: "a", forwarded: "for=_a" };
      const head = {
        testimony,
        peerAddress,
        host,
        via: "",
        secure: true,
      } as unknown as ReceivedHead;
      return new ForwardedFields("x").of(head).match(/^Forwarded: for=_a, (.*)\r$/m)?.[1] ?? "";
    };
    assert.equal(lines("10.0.0.1", "a:80"), 'for=10.0.0.1;host="a:80";proto=https');
    assert.equal(lines("2001:db8::1", "[::1]"), 'for="[2001:db8::1]";host="[::1]";proto=https');
    assert.equal(lines("fe80::1%eth0", ""), 'for="[fe80::1]";proto=https');
    assert.equal(lines("", undefined), "for=unknown;proto=https");
  });

  test("tells the port as it tells the host", async () => {
    const port = async (value: string): Promise<string | undefined> =>
      (await tell(`Forwarded: ${value}\r\n`, { trustedProxies })).headers["x-forwarded-port"];
    assert.equal(await port('for=1.1.1.1;proto=https;host="shop.example:8443"'), "8443");
    assert.equal(await port("for=1.1.1.1;proto=http"), "80");
    assert.match((await port("for=1.1.1.1")) ?? "", /^\d{4,5}$/);
  });

  test("an unknown scheme is not passed on as X-Forwarded-Proto", async () => {
    const { headers } = await tell("Forwarded: for=1.1.1.1;proto=wss\r\n", { trustedProxies });
    assert.equal(headers["x-forwarded-proto"], "http");
  });

  describe("beside X-Forwarded-*", () => {
    const old = "X-Forwarded-For: 198.51.100.1\r\nX-Forwarded-Proto: http\r\n";

    test.each([undefined, "either", "x-forwarded"] as const)(
      "is not believed: trustedFields %s",
      async (trustedFields) => {
        const { headers, route } = await tell(old + client, { trustedProxies, trustedFields });
        assert.equal(route, "198.51.100.1");
        assert.equal(headers["forwarded"], undefined);
        assert.equal(headers["x-forwarded-for"], "198.51.100.1, 127.0.0.1");
        assert.equal(headers["x-forwarded-proto"], "http");
      },
    );

    test.each(["For: ", "Proto: https", "Host: a", "Port: 1"])(
      "is not mixed with X-Forwarded-%s",
      async (field) => {
        const { route } = await tell(`X-Forwarded-${field}\r\n${client}`, { trustedProxies });
        assert.equal(route, "127.0.0.1");
      },
    );

    test("alone is believed: trustedFields forwarded", async () => {
      const { headers, route } = await tell(old + client, {
        trustedProxies,
        trustedFields: "forwarded",
      });
      assert.equal(route, "203.0.113.9");
      assert.equal(headers["x-forwarded-for"], "203.0.113.9, 10.1.2.3, 127.0.0.1");
      assert.equal(headers["x-forwarded-proto"], "https");
    });

    test("trustedFields forwarded believes no X-Forwarded-*, also where Forwarded is missing", async () => {
      const { headers, route } = await tell(old, { trustedProxies, trustedFields: "forwarded" });
      assert.equal(route, "127.0.0.1");
      assert.equal(headers["x-real-ip"], "127.0.0.1");
      assert.equal(headers["x-forwarded-for"], "198.51.100.1, 127.0.0.1");
    });

    test("trustedFields x-forwarded believes no Forwarded", async () => {
      const { headers, route } = await tell(client, {
        trustedProxies,
        trustedFields: "x-forwarded",
      });
      assert.equal(route, "127.0.0.1");
      assert.equal(headers["forwarded"], undefined);
    });
  });

  test("trustedFields that are not known are refused", () => {
    assert.throws(
      () =>
        createProxy({ route: () => forwardTo([]), trustedFields: "both" as unknown as "either" }),
      /trustedFields must be one of either, x-forwarded, forwarded, got "both"/,
    );
  });
});

import assert from "node:assert/strict";

import { describe, test } from "vitest";

import { createProxy } from "../src/index.ts";
import { clientIn } from "../src/exchange/testimony.ts";
import { TrustedProxies } from "../src/exchange/trusted-proxies.ts";
import { tell } from "./told.ts";
import { forwardTo } from "./wire.ts";

describe("whose request it is", () => {
  const trusted = new TrustedProxies(["10.0.0.0/8", "192.168.1.1", "2001:db8::/32"]);

  test.each([
    ["nothing said", "10.0.0.1", "", "10.0.0.1"],
    ["one proxy", "10.0.0.1", "203.0.113.9", "203.0.113.9"],
    ["two proxies", "10.0.0.1", "203.0.113.9, 192.168.1.1", "203.0.113.9"],
    ["what a client forged", "10.0.0.1", "1.1.1.1, 203.0.113.9, 10.9.9.9", "203.0.113.9"],
    ["trusted ones only", "10.0.0.1", "10.0.0.3,10.0.0.2", "10.0.0.3"],
    ["no address", "10.0.0.1", "1.1.1.1, unknown, 10.0.0.2", "10.0.0.2"],
    ["no address at all", "10.0.0.1", "unknown", "10.0.0.1"],
    ["empty ones", "10.0.0.1", "1.1.1.1, ,", "10.0.0.1"],
    ["a port", "10.0.0.1", "203.0.113.9:4711", "203.0.113.9"],
    ["IPv6", "2001:db8::1", "2001:db9::7", "2001:db9::7"],
    ["IPv6 with brackets and port", "2001:db8::1", "[2001:db9::7]:80", "2001:db9::7"],
    ["IPv4 that an IPv6 socket tells", "10.0.0.1", "::ffff:203.0.113.9", "203.0.113.9"],
    ["a comma at the beginning", "10.0.0.1", ",10.0.0.2", "10.0.0.2"],
  ])("%s", (_name, peer, chain, client) => {
    assert.equal(clientIn(chain, peer, trusted), client);
  });

  test("an IPv4 network says nothing of IPv6", () => {
    assert.equal(new TrustedProxies(["0.0.0.0/0"]).trusts("2001:db9::7"), false);
  });

  test.each(["10.0.0.0/33", "10.0.0/8", "10.0.0.0/8/8", "a.example", "", "10.0.0.0/", "::/129"])(
    "%j is no network",
    (network) => {
      assert.throws(
        () => createProxy({ route: () => forwardTo([]), trustedProxies: [network] }),
        (error) => error instanceof RangeError && error.message.includes(JSON.stringify(network)),
      );
    },
  );
});

describe("fields of a trusted proxy", () => {
  const said = [
    "X-Forwarded-For: 203.0.113.9, 10.1.2.3",
    "X-Forwarded-Proto: https",
    "X-Forwarded-Host: shop.example:8443",
    "X-Forwarded-Port: 8443",
    "",
  ].join("\r\n");

  test("are believed, continued, and tell the route and the log who asked", async () => {
    const trustedProxies = ["127.0.0.0/8", "10.0.0.0/8"];
    const { headers, route, peer, log } = await tell(said, { trustedProxies });
    assert.equal(headers["x-forwarded-for"], "203.0.113.9, 10.1.2.3, 127.0.0.1");
    assert.equal(headers["x-real-ip"], "203.0.113.9");
    assert.equal(headers["x-forwarded-proto"], "https");
    assert.equal(headers["x-forwarded-host"], "shop.example:8443");
    assert.equal(headers["x-forwarded-port"], "8443");
    assert.deepEqual([route, peer, log], ["203.0.113.9", "127.0.0.1", "203.0.113.9"]);
  });

  test("are not believed of anybody else", async () => {
    for (const trustedProxies of [undefined, ["10.0.0.0/8"]]) {
      const { headers, route, log } = await tell(said, { trustedProxies });
      assert.equal(headers["x-real-ip"], "127.0.0.1");
      assert.equal(headers["x-forwarded-proto"], "http");
      assert.equal(headers["x-forwarded-host"], "shop.example");
      assert.deepEqual([route, log], ["127.0.0.1", "127.0.0.1"]);
    }
  });

  test("that say nonsense are written anew", async () => {
    const more = "X-Forwarded-Proto: ftp\r\nX-Forwarded-Host: a b\r\nX-Forwarded-Port: x\r\n";
    const { headers, route } = await tell(more, { trustedProxies: ["127.0.0.1"] });
    assert.equal(headers["x-forwarded-proto"], "http");
    assert.equal(headers["x-forwarded-host"], "shop.example");
    assert.match(headers["x-forwarded-port"] ?? "", /^\d+$/);
    assert.equal(route, "127.0.0.1");
  });

  test("that come twice, once perhaps from the client, are written anew", async () => {
    const more = "X-Forwarded-Proto: https\r\nX-Forwarded-Proto: https\r\n";
    const { headers } = await tell(more, { trustedProxies: ["127.0.0.1"] });
    assert.equal(headers["x-forwarded-proto"], "http");
  });
});

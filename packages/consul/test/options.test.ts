import assert from "node:assert/strict";

import { DiscoveryError } from "@rollcall/core";
import { createAuthority } from "@rollcall/testbed";
import { describe, test } from "vitest";

import { consulRegistry, type ConsulOptions } from "../src/index.ts";
import { resolveOptions } from "../src/options.ts";

function refusal(options: unknown): string {
  try {
    consulRegistry(options as ConsulOptions);
  } catch (thrown) {
    assert.ok(thrown instanceof DiscoveryError);
    assert.equal(thrown.code, "INVALID");
    return thrown.message;
  }
  throw new Error("the options were accepted");
}

describe("options", () => {
  test("there is a default for each", () => {
    const options = resolveOptions({});
    assert.deepEqual(
      options.servers.map(({ url }) => url),
      ["http://127.0.0.1:8500"],
    );
    assert.equal(options.waitMs, 55_000);
    // What the server may add stays below the minute after which proxies cut silent connections.
    assert.ok((options.waitMs * 17) / 16 < 60_000);
    assert.equal(options.weight, 1);
    assert.equal(options.registration.ttlMs, 15_000);
    assert.equal(consulRegistry().name, "consul");
  });

  test("addresses are taken in the forms of Consul's own tools", () => {
    const { servers } = resolveOptions({
      servers: "http://a:8500/, https://b:8501/consul/ ,unix:///run/consul.sock,http://[::1]:8500",
    });
    assert.deepEqual(
      servers.map(({ url, origin, prefix, socketPath }) => [url, origin, prefix, socketPath]),
      [
        ["http://a:8500", "http://a:8500", "", undefined],
        ["https://b:8501/consul", "https://b:8501", "/consul", undefined],
        ["unix:///run/consul.sock", "http://localhost", "", "/run/consul.sock"],
        ["http://[::1]:8500", "http://[::1]:8500", "", undefined],
      ],
    );
  });

  test.each<[unknown, RegExp]>([
    [null, /options must be an object/],
    [{ servers: [] }, /servers must be 1 to 64 addresses/],
    [{ servers: "consul:8500" }, /servers\[0\] must look like http:\/\/host:8500/],
    [{ servers: ["ftp://consul:8500"] }, /servers\[0\] must look like/],
    [{ servers: ["http://"] }, /servers\[0\] must look like/],
    [{ servers: ["http://a:99999"] }, /servers\[0\] must look like/],
    [{ servers: ["http://a:8500/v1"] }, /servers\[0\] must be without \/v1/],
    [{ servers: ["http://a:8500?dc=x"] }, /no query and no fragment/],
    [{ servers: ["unix://"] }, /must name the path of a Unix socket/],
    [{ servers: ["http://a:8500", "http://a:8500/"] }, /twice/],
    [{ servers: [7] }, /servers\[0\] must be a text/],
    [{ token: 7 }, /token must be a text/],
    [{ server: "http://a" }, /server is not an option; there are .*servers/],
    [
      { registration: { check: { type: "tcp", url: 1 } } },
      /registration.check.url is not an option/,
    ],
    [{ name: "" }, /name must be a text/],
    [{ name: "a\nb" }, /name must be a text/],
    [{ weight: 0 }, /weight must be above 0/],
    [{ weight: Number.NaN }, /weight must be a finite number/],
    [{ weight: "7" }, /weight must be a finite number/],
    [{ consistency: "any" }, /consistency must be one of default, consistent, stale, got "any"/],
    [{ consistency: "consistent", cached: true }, /cached must be false/],
    [{ intervalMs: 0 }, /intervalMs must be a whole number from 10/],
    [{ maxReadsPerSecond: 0 }, /maxReadsPerSecond must be a number/],
    [
      { timeouts: { waitMs: 700_000 } },
      /timeouts.waitMs must be a whole number from 100 to 600000/,
    ],
    [{ timeouts: 7 }, /timeouts must be an object/],
    [{ skipServices: "a" }, /skipServices must be a list/],
    [{ skipServices: [""] }, /skipServices\[0\] must be a text/],
    [{ defaultService: {} }, /defaultService.host must be/],
    [{ defaultService: { host: "a", port: 0 } }, /defaultService.port must be an integer/],
    [{ defaultService: { host: "a", port: 1, weight: -1 } }, /defaultService.weight must be/],
    [{ sort: "by_mood" }, /sort must be one of origin, host_sort/],
    [{ registration: { ttlMs: 10 } }, /registration.ttlMs must be a whole number from 300/],
    [{ registration: { deregisterAfterMs: 1 } }, /registration.deregisterAfterMs .* from 60000/],
    [{ registration: { check: {} } }, /registration.check.type must be http or tcp/],
    [{ registration: { check: { type: "script" } } }, /type must be one of http, tcp/],
    [{ registration: { check: { type: "http", path: "x" } } }, /path must start with \//],
    [{ registration: { check: { type: "http", intervalMs: 10 } } }, /intervalMs .* from 1000/],
    [{ registration: { tags: ["\u0000"] } }, /registration.tags\[0\] must be a text/],
    [{ tls: { cert: "x" } }, /tls.cert and tls.key must be given together/],
    [{ tls: { ca: "x" } }, /tls.ca must be one certificate/],
    [{ tls: { verify: "no" } }, /tls.verify must be true or false/],
  ])("%j is refused with a reason", (options, reason) => {
    assert.match(refusal(options), reason);
  });

  test("a secret is never quoted", () => {
    assert.doesNotMatch(refusal({ servers: "http://user:hunter2@consul:8500" }), /hunter2/);
    assert.doesNotMatch(refusal({ token: "hunter2 with spaces" }), /hunter2/);
    const authority = createAuthority();
    const [{ certPem: cert }, { keyPem: key }] = [authority.issue("x"), authority.issue("y")];
    assert.doesNotMatch(refusal({ tls: { cert, key } }), /BEGIN/);
    const { identity } = consulRegistry({ token: "hunter2" });
    assert.doesNotMatch(identity, /hunter2/);
  });

  test.each([0, 299, 86_400_001, Number.NaN, Infinity])(
    "a registration cannot ask for a lease of %d ms",
    (ttlMs) => {
      const node = { service: "orders", host: "10.0.0.1", port: 1 };
      assert.throws(() => void consulRegistry().register(node, { ttlMs }), {
        code: "INVALID",
        reason: `ttlMs must be a number from 300 to 86400000, got ${ttlMs}`,
      });
    },
  );

  test("an empty token is none, as for Consul's own tools", () => {
    assert.equal(resolveOptions({ token: "" }).token, undefined);
  });

  test("the identity tells apart what answers differ by", () => {
    const identities = [{}, { datacenter: "a" }, { namespace: "a" }, { filter: "a" }].map(
      (options) => consulRegistry(options).identity,
    );
    assert.equal(new Set(identities).size, 4);
  });
});

import { DiscoveryError } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import { eurekaRegistry, type EurekaOptions } from "../src/index.ts";
import { resolveOptions } from "../src/options.ts";

const good = { servers: "http://127.0.0.1:8761/eureka/" };

function refusal(options: unknown): DiscoveryError {
  try {
    eurekaRegistry(options as EurekaOptions);
  } catch (error) {
    expect(error).toBeInstanceOf(DiscoveryError);
    expect((error as DiscoveryError).code).toBe("INVALID");
    return error as DiscoveryError;
  }
  throw new Error("nothing was refused");
}

describe("servers", () => {
  test.each([
    ["http://h:8761/eureka/", "http://h:8761/eureka/", undefined],
    ["http://h:8761/eureka", "http://h:8761/eureka/", undefined],
    ["http://h:8761", "http://h:8761/", undefined],
    [" https://h/eureka/v2 ", "https://h/eureka/v2/", undefined],
    ["http://[::1]:8761/eureka/", "http://[::1]:8761/eureka/", undefined],
    ["http://u:p@h:8761/eureka/", "http://h:8761/eureka/", ["u", "p"]],
    ["http://u:p@ss@h/eureka/", "http://h/eureka/", ["u", "p@ss"]],
    ["http://u:p%40s%2Fs%25:x@h/eureka/", "http://h/eureka/", ["u", "p@s/s%:x"]],
    ["http://u%3Aser:w%C3%B6rd@h/", "http://h/", ["u:ser", "wörd"]],
    ["http://u@h/", "http://h/", ["u", ""]],
    ["http://u:@h/", "http://h/", ["u", ""]],
    ["http://u:p:q@h/", "http://h/", ["u", "p:q"]],
    ["http://u:p@a@b@h/", "http://h/", ["u", "p@a@b"]],
    ["http://a@b:p@h/", "http://h/", ["a@b", "p"]],
    ["http://a%40b:p%40c@h/", "http://h/", ["a@b", "p@c"]],
    ["http://u:%2540@h/", "http://h/", ["u", "%40"]],
    ["http://u:p%20+&=;,@h/", "http://h/", ["u", "p +&=;,"]],
    ["http://jürgen:пароль🔑@h/", "http://h/", ["jürgen", "пароль🔑"]],
    ["http://u:[x]@[::1]:8761/e", "http://[::1]:8761/e/", ["u", "[x]"]],
    ["HTTP://U:P@H/Eureka", "http://h/Eureka/", ["U", "P"]],
    ["http://@h/", "http://h/", undefined],
  ])("%s", (url, shown, login) => {
    const [server] = resolveOptions({ servers: url }).servers;
    expect(server?.url).toBe(shown);
    expect(
      server?.credentials && [server.credentials.username, server.credentials.password],
    ).toEqual(login);
  });

  test("one text may hold several", () => {
    const { servers } = resolveOptions({
      servers: "http://u:a,b@h1/e/,https://h2/e/, http://h3/e",
    });
    expect(servers.map(({ url }) => url)).toEqual([
      "http://h1/e/",
      "https://h2/e/",
      "http://h3/e/",
    ]);
    expect(servers[0]?.credentials?.password).toBe("a,b");
  });

  test.each([
    [undefined, "servers must be 1 to 64 URLs"],
    [[], "servers must be 1 to 64 URLs"],
    [[""], "servers[0] must look like http://host:8761/eureka/"],
    [[5], "servers[0] must be a string"],
    [["http://h/", "ftp://h/"], "servers[1] must look like"],
    [["h:8761/eureka"], "servers[0] must look like"],
    [["http://u:se/cret@h/"], "servers[0] has an @ after the host"],
    [["http://u:secret/x"], "servers[0] has no valid host and port"],
    [["http://u:sec%ret@h/"], "servers[0] has user information with a broken escape"],
    [["http://h/?secret=1"], "servers[0] must have no query"],
    [["http://h:99999/"], "servers[0] has no valid host and port"],
    [["http:///eureka"], "servers[0] has no valid host and port"],
    [["http://a:1@h/e", "http://b:2@h/e/"], "servers has http://h/e/ twice"],
  ])("%j is refused", (servers, reason) => {
    const error = refusal({ servers });
    expect(error.reason).toContain(reason);
    expect(error.message).not.toMatch(/secret|sec%|cret@/);
  });
});

describe("other options", () => {
  test.each([
    [null, "options must be an object"],
    [{ name: "" }, 'name must be a text of 1 to 100 characters without control characters, got ""'],
    [{ intervalMs: 0 }, "intervalMs must be a whole number from 10 to 86400000, got 0"],
    [{ intervalMs: "30" }, 'intervalMs must be a whole number from 10 to 86400000, got "30"'],
    [{ weight: -1 }, "weight must be a finite number >= 0, got -1"],
    [{ weight: Number.NaN }, "weight must be a finite number >= 0"],
    [{ weight: "5" }, 'weight must be a finite number >= 0, got "5"'],
    [{ weight: null }, "weight must be a finite number >= 0, got null"],
    [{ timeouts: { readMs: 0 } }, "timeouts.readMs must be"],
    [{ timeouts: { connectMs: 1.5 } }, "timeouts.connectMs must be"],
    [{ timeouts: { sendMs: -1 } }, "timeouts.sendMs must be"],
    [{ timeouts: null }, "timeouts must be an object"],
    [{ timeouts: 5_000 }, "timeouts must be an object"],
    [{ lease: null }, "lease must be an object"],
    [{ lease: [30] }, "lease must be an object"],
    [
      { lease: { durationMs: "90" } },
      "lease.durationMs must be a whole number from 300 to 259200000",
    ],
    [{ lease: { renewalIntervalMs: null } }, "lease.renewalIntervalMs must be"],
    [{ instance: "x" }, "instance must be an object"],
    [{ tls: true }, "tls must be an object"],
    [{ random: 0.5 }, "random must be a function"],
    [{ username: "u", password: null }, "password must be given beside username"],
    [{ maxBodyBytes: 5 }, "maxBodyBytes must be"],
    [{ delta: "no" }, 'delta must be true or false, got "no"'],
    [{ fullReadEveryMs: Infinity }, "fullReadEveryMs must be"],
    [{ lease: { durationMs: 100 } }, "lease.durationMs must be"],
    [
      { lease: { renewalIntervalMs: 9_000, durationMs: 9_000 } },
      "must be shorter than lease.durationMs",
    ],
    [{ regions: ["a&b"] }, "regions[0] must be a region's name"],
    [{ instance: { vipAddress: "a\nb" } }, "instance.vipAddress must be a text"],
    [{ username: "u" }, "password must be given beside username"],
    [{ password: "secret" }, "username must be a text"],
    [{ username: "a:b", password: "secret" }, "username must be a text without a colon"],
    [{ tls: { cert: "secret" } }, "tls.cert and tls.key must be given together"],
    [{ tls: { cert: "secret", key: "secret" } }, "in PEM: the text of the file"],
    [
      { tls: { ca: "-----BEGIN CERTIFICATE-----\nsecret\n-----END CERTIFICATE-----" } },
      "in PEM: the text of the file",
    ],
    [{ tls: { verify: "no" } }, "tls.verify must be true or false"],
    [{ url: "http://host:8761" }, "url is not an option; there are clock, delta, "],
    [{ lease: { ttlMs: 1 } }, "lease.ttlMs is not an option; there are durationMs, "],
  ])("%j is refused", (options, reason) => {
    const error = refusal(options === null ? null : { ...good, ...options });
    expect(error.reason).toContain(reason);
    expect(error.message).not.toContain("secret");
  });

  test("a value that is no JSON is shown as well", () => {
    expect(refusal({ ...good, weight: 5n }).reason).toMatch(/got 5n$/);
  });

  test("the defaults", () => {
    expect(resolveOptions(good)).toMatchObject({
      name: "eureka",
      intervalMs: 30_000,
      weight: 100,
      connectMs: 2_000,
      sendMs: 2_000,
      readMs: 5_000,
      renewalIntervalMs: 30_000,
      durationMs: 90_000,
      delta: true,
    });
    expect(resolveOptions({ ...good, lease: { durationMs: 9_000 } }).renewalIntervalMs).toBe(3_000);
    expect(resolveOptions({ ...good, lease: { renewalIntervalMs: 60_000 } }).durationMs).toBe(
      180_000,
    );
  });

  test("the identity names servers and regions, and no secret", async () => {
    const servers = ["http://u:secret@b/eureka/", "http://a/eureka"];
    await using registry = eurekaRegistry({ servers, regions: ["west"] });
    expect(registry.identity).toBe("eureka http://a/eureka/ http://b/eureka/ west");
  });
});

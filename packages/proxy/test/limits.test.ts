import assert from "node:assert/strict";
import { readFileSync } from "node:fs";

import { describe, test } from "vitest";

import { createProxy, defaultLimits, limitBounds, type ProxyLimits } from "../src/index.ts";
import { forwardTo, get, httpNode, talk } from "./wire.ts";

const names = Object.keys(defaultLimits) as (keyof ProxyLimits)[];

describe("bounds", () => {
  test.each(names)("%s is refused outside of its bounds, by name", (name) => {
    const [least, most] = limitBounds[name];
    for (const value of [least - 1, most + 1, 1.5, Number.NaN, "7" as unknown as number]) {
      assert.throws(
        () => createProxy({ route: () => forwardTo([]), [name]: value }),
        (error) =>
          error instanceof RangeError &&
          error.message ===
            `${name} must be a whole number from ${least} to ${most}, got ${String(value)}`,
      );
    }
    for (const value of [least, most, defaultLimits[name], undefined]) {
      createProxy({ route: () => forwardTo([]), [name]: value });
    }
  });

  test("can be set anew while requests are served", async () => {
    await using node = await httpNode((_request, response) => response.end("ok"));
    const proxy = createProxy({ route: () => forwardTo([node]), maxHeaders: 4 });
    const address = await proxy.listen({ host: "127.0.0.1", port: 0 });
    const many = get("/", "X: y\r\n".repeat(8));
    assert.match(await talk(address, many), /^HTTP\/1\.1 431 /);
    proxy.configure({ maxHeaders: 16 });
    assert.match(await talk(address, many), /^HTTP\/1\.1 200 /);
    assert.throws(() => proxy.configure({ maxHeaders: 0, maxConnections: 1 }), RangeError);
    assert.throws(() => proxy.configure({ maxHeaders: 1, trustedProxies: ["x"] }), RangeError);
    assert.match(await talk(address, many), /^HTTP\/1\.1 200 /);
    await proxy.close({ drainMs: 0 });
  });
});

describe("the README", () => {
  const readme = readFileSync(`${import.meta.dirname}/../README.md`, "utf8");
  const contract = readFileSync(`${import.meta.dirname}/../src/contract.ts`, "utf8");

  test.each(names)("tells the default of %s", (name) => {
    const row = new RegExp(`^\\| \`${name}\` .*\\|([^|]*)\\|$`, "m").exec(readme)?.[1];
    assert.ok(row !== undefined, "it has no row");
    const told = row.replaceAll(" ", "").replaceAll(",", "");
    assert.equal(
      told,
      name.startsWith("x")
        ? ""
        : defaultLimits[name] === 0
          ? "0:none"
          : String(defaultLimits[name]),
    );
  });

  test("has a row for every other option", () => {
    const body = ["ProxySettings", "ProxyOptions"]
      .map((name) => contract.slice(contract.indexOf(`export interface ${name} `)))
      .map((text) => text.slice(0, text.indexOf("\n}")))
      .join("\n");
    const found = [...body.matchAll(/^ {2}(?:readonly )?(\w+)[?(]/gm)].map((match) => match[1]!);
    assert.ok(found.includes("route") && found.includes("trustedProxies") && found.length > 5);
    for (const name of found) assert.match(readme, new RegExp(`^\\| \`${name}\` `, "m"));
  });
});

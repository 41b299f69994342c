import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseTarget } from "../src/routing/path.ts";
import { compilePattern, type Rewrite, rewriteTarget } from "../src/routing/rewrite.ts";

function rewrite(pairs: readonly string[], target: string, uri?: string): string | undefined {
  const patterns: Rewrite["patterns"][number][] = [];
  for (let index = 0; index < pairs.length; index += 2) {
    patterns.push(compilePattern(pairs[index]!, pairs[index + 1]!));
  }
  const parsed = parseTarget(target);
  if ("refused" in parsed) throw new Error(parsed.refused);
  return rewriteTarget({ uri, patterns }, parsed.path, parsed.query);
}

describe("regex_uri", () => {
  const strip = ["^/a/(.*)", "/${1}"];
  test.each<[pairs: string[], target: string, sent: string | undefined]>([
    [strip, "/a/test", "/test"],
    [strip, "/a/", "/"],
    [["^/a/(.*)", "/$1"], "/a/x/y", "/x/y"],
    [strip, "/a/x?y=1", "/x?y=1"],
    [strip, "/a/x?", "/x?"],
    [strip, "/b/x", undefined],
    [["/a", "/b"], "/x/a/a", "/x/b/a"],
    [["^/u/(.*)/(.*)", "/$2/$1"], "/u/1/2", "/2/1"],
    [["^/1$", "/one", "^/(.)$", "/two-$1"], "/2", "/two-2"],
    [["^/(.)$", "/first-$1", "^/2$", "/second"], "/2", "/first-2"],
    [["^/a/(x)?(.*)", "/[$1]$2"], "/a/y", "/%5B%5Dy"],
    [["^/a/(.*)", "/$1$7"], "/a/y", "/y"],
    [
      ["^/a/(.*)", "/find?name=$1&z=1"],
      "/a/b c?d=e".replace(" ", "%20"),
      "/find?name=b%20c&z=1&d=e",
    ],
    [["^/a/(.*)", "/find?name=$1"], "/a/x%26admin=1", "/find?name=x%26admin%3D1"],
    [["^/a/(.*)", "/$1"], "/a/b%3Fadmin=1", "/b%3Fadmin=1"],
    [strip, "/a/%0d%0aHost:%20evil", "/%0D%0AHost:%20evil"],
    [strip, "/a/x%2Fy/%25/%ff/%C3%BC", "/x%2Fy/%25/%FF/%C3%BC"],
    [["^/a(.*)", "$1"], "/a/x", "/x"],
    [["^/a/(.*)", "$1"], "/a/x", "/x"],
    [["^/a", ""], "/a", "/"],
    [["^/a/(.*)", "//$1"], "/a/evil.example", "/evil.example"],
    [["^/ü/(.*)", "/ö/$1"], "/%C3%BC/x", "/%C3%B6/x"],
    [["^/a/(.*)", "/$1/ü b"], "/a/x", "/x/%C3%BC%20b"],
    [["(?i)^/A/(.*)", "/$1"], "/a/x", "/x"],
  ])("%j turns %s into %s", (pairs, target, sent) => {
    expect(rewrite(pairs, target)).toBe(sent);
  });

  test("look-around and back-references are refused", () => {
    expect(() => compilePattern("(?=a)", "/")).toThrow();
    expect(() => compilePattern("(a)\\1", "/")).toThrow();
  });

  test("no pattern stalls", () => {
    const path = `/${"a".repeat(30_000)}!`;
    expect(rewrite(["^/(a+)+$", "/x"], path)).toBeUndefined();
  });

  test("no target leaves the request line, whatever comes in", () => {
    const byte = fc.integer({ min: 1, max: 255 }).filter((value) => value !== 0x2e);
    fc.assert(
      fc.property(
        fc.array(byte, { maxLength: 20 }),
        fc.constantFrom("/$1", "/q?$1"),
        (bytes, to) => {
          const escaped = bytes.map((value) => `%${value.toString(16).padStart(2, "0")}`).join("");
          const sent = rewrite(["(?s)^/a/(.*)", to], `/a/${escaped}`);
          expect(sent).toMatch(/^\/[\x21-\x22\x24-\x7e]*$/);
          expect(sent!.startsWith("//")).toBe(false);
        },
      ),
    );
  });
});

describe("uri", () => {
  test.each([
    ["/x", "/a/b", "/x"],
    ["/x", "/a/b?c=1", "/x?c=1"],
    ["/x?d=2", "/a/b?c=1", "/x?d=2&c=1"],
    ["/x%20y", "/a", "/x%20y"],
    ["/ü", "/a", "/%C3%BC"],
  ])("%s for %s is %s", (uri, target, sent) => {
    expect(rewrite(["^/a(.*)", "/never"], target, uri)).toBe(sent);
  });
});

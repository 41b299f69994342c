import assert from "node:assert/strict";

import { ListMemory } from "@rollcall/core/adapter";
import fc from "fast-check";
import { describe, test } from "vitest";

import { BodyError } from "../src/body.ts";
import { HostList, parseWithHosts } from "../src/host-list.ts";
import { isRecord } from "../src/record.ts";

const path = ["serviceInfo", "hosts"];
const many = Array.from({ length: 1_000 }, (_, at) => ({
  ip: `10.0.${at >> 8}.${at & 255}`,
  port: 8080,
  metadata: { note: `"],[{${"x".repeat(200)}` },
}));

/** The list at the path, and the body with `null` in its place. */
function parts(body: Buffer): { readonly hosts: HostList; readonly around: unknown } {
  const around = parseWithHosts(body, path);
  assert.ok(isRecord(around) && isRecord(around["serviceInfo"]));
  const { hosts } = around["serviceInfo"];
  assert.ok(hosts instanceof HostList);
  around["serviceInfo"]["hosts"] = null;
  return { hosts, around };
}

function bodyOf(fields: object, after = ""): Buffer {
  return Buffer.from(`${JSON.stringify(fields).slice(0, -1)}${after}}`);
}

describe.each([
  ["a small body", many.slice(0, 2)],
  ["a large body", many],
])("%s", (_, hosts) => {
  test.each([
    [
      "as servers write it",
      bodyOf({ requestId: "1", serviceInfo: { name: "a", hosts, valid: true } }),
    ],
    ["with the list first", bodyOf({ serviceInfo: { hosts, name: "a" }, resultCode: 200 })],
    ["with lists behind it", bodyOf({ serviceInfo: { hosts, more: [1, [2]] }, other: [] })],
    [
      "with the list twice",
      bodyOf({ serviceInfo: { hosts: [1] } }, `,"serviceInfo":${JSON.stringify({ hosts })}`),
    ],
    ["with another list of that name", bodyOf({ hosts: [{}], serviceInfo: { hosts } })],
    ["with one of that name behind it", bodyOf({ serviceInfo: { hosts }, hosts: [{}] })],
    ["with spaces", Buffer.from(JSON.stringify({ serviceInfo: { hosts } }, undefined, 1))],
  ])("%s is what parsing it gives", (_form, body) => {
    const memory = new ListMemory((one) => one);
    for (let round = 0; round < 3; round += 1) {
      const found = parts(body);
      assert.deepEqual(found.hosts.decode(memory), hosts);
      assert.deepEqual(found.hosts.all, hosts);
      const expected = JSON.parse(body.toString()) as { serviceInfo: { hosts: unknown } };
      expected.serviceInfo.hosts = null;
      assert.deepEqual(found.around, expected);
    }
  });

  test.each([
    ["no list", { serviceInfo: { hosts: { pad: hosts } } }],
    ["no list in its place", { hosts, serviceInfo: {} }],
    ["a list in a text", { serviceInfo: { hosts: JSON.stringify({ hosts }) } }],
  ])("%s is none", (_form, fields) => {
    assert.deepEqual(parseWithHosts(bodyOf(fields), path), fields);
  });

  test("that is no JSON is refused, at once or when the list is read", () => {
    for (const text of [
      JSON.stringify({ serviceInfo: { hosts } }).slice(0, -1),
      `{"serviceInfo":{"hosts":${JSON.stringify(hosts).replace("8080", "80 80")}}}`,
      `{"serviceInfo":{"hosts":${JSON.stringify(hosts).slice(0, -1)},]}}`,
    ]) {
      assert.throws(
        () => parts(Buffer.from(text)).hosts.decode(new ListMemory((one) => one)),
        BodyError,
      );
    }
  });
});

test("whatever is cut out, put in or changed: it is what parsing gives, or refused", () => {
  const text = bodyOf({
    requestId: "[]",
    serviceInfo: { name: "é", hosts: many, valid: true },
    message: "]",
  });
  const piece = fc.constantFrom(
    "",
    "]",
    "[",
    ",",
    '"',
    "{}",
    '"hosts":[',
    "],",
    "}",
    "\\",
    '"serviceInfo":{',
  );
  // Most edits hit the ends of the list, where it is told from what is around it.
  const place = fc.oneof(
    fc.integer({ min: 0, max: 200 }),
    fc.integer({ min: text.length - 200, max: text.length }),
    fc.integer({ min: 0, max: text.length }),
  );
  const memory = new ListMemory((one) => one);
  fc.assert(
    fc.property(place, fc.integer({ min: 0, max: 40 }), piece, (at, cut, put) => {
      const body = Buffer.concat([text.subarray(0, at), Buffer.from(put), text.subarray(at + cut)]);
      let expected: unknown;
      let isJson = true;
      try {
        expected = JSON.parse(body.toString());
      } catch {
        isJson = false;
      }
      let given: unknown;
      try {
        given = parseWithHosts(body, path);
        const info = isRecord(given) ? given["serviceInfo"] : undefined;
        if (isRecord(info) && info["hosts"] instanceof HostList) {
          info["hosts"] = info["hosts"].decode(memory);
        }
      } catch (error) {
        assert.ok(error instanceof BodyError);
        assert.ok(!isJson);
        return;
      }
      assert.ok(isJson);
      assert.deepEqual(given, expected);
    }),
    { numRuns: 400, seed: 1 },
  );
});

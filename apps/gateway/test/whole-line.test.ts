import { expect, test } from "vitest";

import { wholeLine } from "../src/whole-line.ts";

test("a line that fits is itself", () => {
  const line = `${JSON.stringify({ target: "/".padEnd(4_000, "a") })}\n`;
  expect(wholeLine(line)).toBe(line);
});

test.each([
  ["one long text", { level: "info", target: "/".padEnd(30_000, "a"), status: 200 }],
  ["texts that grow when written", { level: "info", target: '"'.repeat(5_000), status: 200 }],
  ["texts of several bytes", { level: "info", target: "é𝄞".repeat(3_000), status: 200 }],
  [
    "many",
    { level: "info", added: Array.from({ length: 40 }, () => "x".repeat(400)), status: 200 },
  ],
])("%s: cut, still JSON, at most 4096 bytes, and says so", (_, entry) => {
  const cut = wholeLine(`${JSON.stringify(entry)}\n`);
  expect(Buffer.byteLength(cut)).toBeLessThanOrEqual(4_096);
  expect(cut.endsWith("\n")).toBe(true);
  expect(JSON.parse(cut)).toMatchObject({ level: "info", status: 200, cut: true });
});

test("a thousand fields: what is left says what happened and when", () => {
  const fields = Object.fromEntries(Array.from({ length: 1_000 }, (_, at) => [`field${at}`, at]));
  const cut = wholeLine(
    `${JSON.stringify({ level: "warn", time: "now", ...fields, msg: "no" })}\n`,
  );
  expect(JSON.parse(cut)).toEqual({ level: "warn", time: "now", msg: "no", cut: true });
});

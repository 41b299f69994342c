import assert from "node:assert/strict";

/** Values of one field, joined; empty when there are none. */
export function valuesOf(fields: readonly string[], name: string): string {
  const values = fields.filter((_, at) => at % 2 === 1 && fields[at - 1]!.toLowerCase() === name);
  return values.join(",");
}

/** Field lines with their ends, as names and values in turn. */
export function fieldsOf(lines: string): string[] {
  const fields: string[] = [];
  for (const line of lines.split("\r\n")) {
    if (line === "") continue;
    const colon = line.indexOf(":");
    fields.push(line.slice(0, colon), line.slice(colon + 1).replace(/^[ \t]+|[ \t]+$/g, ""));
  }
  return fields;
}

/** All of `some` are in `all`, in that order. */
export function assertAmong(some: readonly string[], all: readonly string[]): void {
  let at = 0;
  for (let index = 0; index < some.length; index += 2) {
    while (at < all.length && (all[at] !== some[index] || all[at + 1] !== some[index + 1])) at += 2;
    assert.ok(at < all.length, `${some[index]} comes from nowhere`);
    at += 2;
  }
}

import assert from "node:assert/strict";

import fc from "fast-check";
import { describe, test } from "vitest";

import { tagOf } from "../src/adapter/list/block-tag.ts";
import { ElementScanner } from "../src/adapter/list/element-scanner.ts";
import { ListMemory } from "../src/adapter/list/list-memory.ts";

/** What a reading of the text gives, or `"refused"`. */
type Outcome = readonly unknown[] | "refused";

function plain(text: Buffer): Outcome {
  try {
    const parsed: unknown = JSON.parse(text.toString("utf8"));
    return Array.isArray(parsed) ? parsed : "refused";
  } catch {
    return "refused";
  }
}

/** Reads a text in chunks of the given lengths, each a piece of memory of its own, over and over. */
function read<T>(memory: ListMemory<T>, text: Buffer, chunks: readonly number[]): Outcome {
  const reading = memory.read();
  for (let at = 0, turn = 0; at < text.length; turn += 1) {
    const length = chunks[turn % chunks.length] ?? text.length;
    reading.write(new Uint8Array(text.subarray(at, at + length)));
    at += length;
  }
  try {
    return memory.finish(reading);
  } catch {
    return "refused";
  }
}

const awkward = fc.oneof(
  fc.string({ unit: "binary", maxLength: 12 }),
  fc.constantFrom("},{", '"', "\\", '\\",', "[", "]}", ",", "é", "💥", "\u2028", "", "]", "[,"),
);
const element = fc.oneof(
  { weight: 6, arbitrary: fc.dictionary(awkward, fc.oneof(awkward, fc.integer()), { maxKeys: 4 }) },
  { weight: 1, arbitrary: fc.jsonValue({ maxDepth: 3 }) },
);
/** Spaces between tokens, as servers that print prettily have them. */
const spacing = fc.constantFrom("", " ", "\n    ");
const chunks = fc
  .array(fc.integer({ min: 1, max: 40_000 }), { maxLength: 5 })
  .map((lengths) => [...lengths, 20_000]);

/** A long list: few different elements, each with a number, so that many bytes need few draws. */
const list = fc
  .tuple(fc.array(element, { minLength: 1, maxLength: 8 }), fc.integer({ min: 0, max: 900 }))
  .map(([kinds, count]) =>
    Array.from({ length: count }, (_, at) => ({
      at,
      pad: "x".repeat(300),
      kind: kinds[at % kinds.length],
    })),
  );

type Edit =
  | { readonly kind: "replace"; readonly at: number; readonly value: unknown }
  | { readonly kind: "insert"; readonly at: number; readonly value: unknown }
  | { readonly kind: "remove"; readonly at: number; readonly count: number }
  | { readonly kind: "move"; readonly at: number; readonly to: number };
const place = fc.double({ min: 0, max: 1, noNaN: true });
const edit: fc.Arbitrary<Edit> = fc.oneof(
  fc.record({ kind: fc.constant("replace" as const), at: place, value: element }),
  fc.record({ kind: fc.constant("insert" as const), at: place, value: element }),
  fc.record({
    kind: fc.constant("remove" as const),
    at: place,
    count: fc.integer({ min: 1, max: 400 }),
  }),
  fc.record({ kind: fc.constant("move" as const), at: place, to: place }),
);

function edited(elements: readonly unknown[], edits: readonly Edit[]): readonly unknown[] {
  const after = [...elements];
  for (const one of edits) {
    const at = Math.floor(one.at * after.length);
    if (one.kind === "replace") after[at] = one.value;
    else if (one.kind === "insert") after.splice(at, 0, one.value);
    else if (one.kind === "remove") after.splice(at, one.count);
    else after.splice(Math.floor(one.to * after.length), 0, ...after.splice(at, 3));
  }
  return after;
}

function textOf(elements: readonly unknown[], space: string): Buffer {
  const shown = elements.map((one) => JSON.stringify(one, undefined, space.length));
  return Buffer.from(`[${space}${shown.join(`${space},${space}`)}${space}]${space}`);
}

describe("reading a list again and again", () => {
  test("gives what parsing each text whole gives", () => {
    fc.assert(
      fc.property(
        list,
        fc.array(fc.array(edit, { maxLength: 4 }), { maxLength: 4 }),
        spacing,
        chunks,
        (first, rounds, space, lengths) => {
          const memory = new ListMemory((one) => one);
          let elements: readonly unknown[] = first;
          for (const edits of [[], ...rounds]) {
            elements = edited(elements, edits);
            const text = textOf(elements, space);
            assert.deepEqual(read(memory, text, lengths), plain(text));
          }
        },
      ),
      { numRuns: 60 },
    );
  }, 300_000);

  test("accepts and refuses what parsing does, whatever is done to the bytes", () => {
    const harm = fc.record({
      at: place,
      removed: fc.integer({ min: 0, max: 70_000 }),
      inserted: fc.oneof(
        fc.constantFrom(
          ",",
          "]",
          "[",
          "{",
          "}",
          '"',
          "\\",
          ",,",
          "],[",
          "1,",
          "\ufeff",
          " ",
          "x",
          "",
        ),
        fc.uint8Array({ maxLength: 4 }),
      ),
    });
    fc.assert(
      fc.property(
        list,
        fc.array(harm, { minLength: 1, maxLength: 3 }),
        spacing,
        chunks,
        (elements, harms, space, lengths) => {
          const memory = new ListMemory((one) => one);
          const text = textOf(elements, space);
          assert.deepEqual(read(memory, text, lengths), plain(text));
          let harmed = text;
          for (const { at, removed, inserted } of harms) {
            const from = Math.floor(at * harmed.length);
            const piece = typeof inserted === "string" ? Buffer.from(inserted) : inserted;
            harmed = Buffer.concat([
              harmed.subarray(0, from),
              piece,
              harmed.subarray(from + removed),
            ]);
          }
          assert.deepEqual(read(memory, harmed, lengths), plain(harmed));
          // What was refused has left no trace.
          assert.deepEqual(read(memory, text, lengths), plain(text));
        },
      ),
      { numRuns: 150 },
    );
  }, 300_000);

  test("cuts at every place that structures the list are refused or read as parsing does", () => {
    const elements = Array.from({ length: 400 }, (_, at) => ({ at, text: 'x,]}"[{\\'.repeat(60) }));
    const text = textOf(elements, "");
    const memory = new ListMemory((one) => one);
    read(memory, text, [65_536]);
    const scanner = new ElementScanner(false);
    const ends: number[] = [];
    for (let at = scanner.next(text, 0); at !== -1; at = scanner.next(text, at)) ends.push(at);
    assert.equal(ends.length, elements.length - 1);
    for (const end of ends.filter((_, at) => at % 9 === 0)) {
      for (const [from, to, put] of [
        [end, text.length, ""],
        [end - 1, end, ""],
        [end - 1, text.length, "]"],
        [end, text.length, "]"],
        [end, end, ","],
        [end - 1, end, "]"],
        [end - 1, end, "],["],
        [end, end, "["],
      ] as const) {
        const cut = Buffer.concat([text.subarray(0, from), Buffer.from(put), text.subarray(to)]);
        assert.deepEqual(read(memory, cut, [50_000]), plain(cut), `${put} at ${from} of ${end}`);
        assert.deepEqual(read(memory, text, [50_000]), elements);
      }
    }
  }, 300_000);
});

describe("what is decoded anew", () => {
  const elements = Array.from({ length: 5_000 }, (_, at) => ({ at, text: "y".repeat(200) }));
  const numbered = (memory: ListMemory<unknown>, text: Buffer): readonly unknown[] => {
    const outcome = read(memory, text, [65_536, 30_000]);
    assert.ok(outcome !== "refused");
    return outcome;
  };

  test.each([
    ["one replaced", (all: unknown[]) => all.splice(2_500, 1, { other: 1 }), 700],
    ["the first replaced", (all: unknown[]) => all.splice(0, 1, { other: 1 }), 700],
    ["the last replaced", (all: unknown[]) => all.splice(4_999, 1, { other: 1 }), 700],
    ["one inserted", (all: unknown[]) => all.splice(1_000, 0, { other: 1 }), 700],
    ["some removed", (all: unknown[]) => all.splice(1_000, 900), 700],
    [
      "far apart",
      (all: unknown[]) => [100, 2_000, 4_000].map((at) => (all[at] = { longer: at })),
      1_400,
    ],
    ["none", () => undefined, 0],
  ] as const)("%s", (_, change, atMost) => {
    let decoded = 0;
    const memory = new ListMemory((one) => {
      decoded += 1;
      return { one };
    });
    const before = numbered(memory, textOf(elements, ""));
    assert.equal(decoded, elements.length);
    decoded = 0;
    const after = [...elements] as unknown[];
    change(after);
    const now = numbered(memory, textOf(after, ""));
    assert.deepEqual(
      now,
      after.map((one) => ({ one })),
    );
    assert.ok(decoded <= atMost, `${decoded} were decoded`);
    const same = new Set(before);
    assert.equal(now.filter((one) => !same.has(one)).length, decoded);
  });

  test("little, however often elements become shorter and longer", () => {
    let decoded = 0;
    const memory = new ListMemory((one) => {
      decoded += 1;
      return one;
    });
    const all: unknown[] = [...elements];
    memory.readWhole(textOf(all, ""));
    for (let round = 0; round < 20; round += 1) {
      decoded = 0;
      all[(round * 1_237) % all.length] = "x".repeat((round * 97) % 900);
      const text = textOf(all, "");
      assert.deepEqual(memory.readWhole(text), all);
      assert.deepEqual(plain(text), all, "the text stays the caller's");
      assert.ok(decoded <= 1_400, `${decoded} were decoded`);
    }
  });

  test("a list that is read once is not remembered", () => {
    let decoded = 0;
    const memory = new ListMemory(() => (decoded += 1), false);
    for (let round = 0; round < 2; round += 1) read(memory, textOf(elements, ""), [65_536]);
    assert.equal(decoded, 2 * elements.length);
  });
});

describe("memory of what came", () => {
  test("is given back while the rest is still coming, but not what others may use", () => {
    const elements = Array.from({ length: 5_000 }, (_, at) => ({ at, text: "z".repeat(200) }));
    const text = textOf(elements, "");
    const memory = new ListMemory((one) => one);
    read(memory, text, [65_536]);
    const reading = memory.read();
    const whole: Uint8Array[] = [];
    // Each piece of memory holds two chunks, as a read that a frame of the protocol cuts in two.
    for (let at = 0; at < text.length; at += 65_536) {
      const piece = new Uint8Array(text.subarray(at, at + 65_536));
      whole.push(piece);
      reading.write(piece.subarray(0, 60_000));
      reading.write(piece.subarray(60_000));
    }
    assert.deepEqual(memory.finish(reading), elements);
    assert.ok(whole.slice(0, -3).every(({ byteLength }) => byteLength === 0));
    assert.notEqual(whole.at(-1)?.byteLength, 0);
    // Small chunks share a pool.
    const pooled = Buffer.from("[1,2,");
    const small = memory.read();
    small.write(pooled);
    small.write(Buffer.from("3]"));
    assert.deepEqual(memory.finish(small), [1, 2, 3]);
    assert.equal(pooled.toString(), "[1,2,");
  });
});

test("a tag is that of the bytes, in whatever pieces they come", () => {
  fc.assert(
    fc.property(
      fc.uint8Array({ maxLength: 400 }),
      fc.array(place, { maxLength: 5 }),
      (bytes, cuts) => {
        const ends = [...cuts.map((cut) => Math.floor(cut * bytes.length)), bytes.length].sort(
          (a, b) => a - b,
        );
        const parts = ends.map((end, at) => bytes.subarray(ends[at - 1] ?? 0, end));
        assert.equal(tagOf(parts), tagOf([bytes]));
        if (bytes.length === 0) return;
        const other = Uint8Array.from(bytes);
        other[bytes.length >> 1] = (other[bytes.length >> 1] ?? 0) ^ 1;
        assert.notEqual(tagOf([other]), tagOf([bytes]));
      },
    ),
  );
});

import assert from "node:assert/strict";

import fc from "fast-check";
import { describe, test } from "vitest";

import { foldChange } from "../src/fold-change.ts";
import { foldSet } from "../src/fold.ts";
import { defineNode, type ServiceNode } from "../src/node.ts";

const where = { registry: "r", operation: "decode web" };

function node(id: number, version = 0): ServiceNode {
  const metadata = { version: String(version) };
  return defineNode({ service: "web", id: `n${id}`, host: "10.0.0.1", port: 80, metadata });
}

/** Nodes of one list, in any order; then what is done to it. */
const ids = fc.uniqueArray(fc.integer({ min: 0, max: 60 }), { maxLength: 40 });
const edit = fc.record({
  kind: fc.constantFrom("put", "remove", "move", "copy"),
  at: fc.nat(1_000),
  id: fc.integer({ min: 0, max: 60 }),
  version: fc.integer({ min: 0, max: 1 }),
});

describe("folding what changed in a list", () => {
  test("gives what folding the whole list gives, or leaves it to that", () => {
    let folded = 0;
    fc.assert(
      fc.property(ids, fc.array(edit, { maxLength: 5 }), (known, edits) => {
        const given = known.map((id) => node(id));
        const { all } = foldSet([], { nodes: given }, where);
        const nodes = [...given];
        for (const { kind, at, id, version } of edits) {
          const index = at % (nodes.length + 1);
          const old = nodes[index];
          if (kind === "put") nodes.splice(index, id % 2, node(id, version));
          else if (old === undefined) continue;
          else if (kind === "remove") nodes.splice(index, 1);
          else if (kind === "move") nodes.splice(at % nodes.length, 0, ...nodes.splice(index, 1));
          else nodes[index] = node(Number(old.id.slice(1)), version);
        }
        const whole = foldSet(all, { nodes }, where);
        const changed = foldChange({ given, all }, nodes);
        if (changed === undefined) {
          assert.ok(whole.rejected.length > 0, "only what is refused is left to the whole");
          return;
        }
        folded += 1;
        assert.deepEqual(whole.rejected, []);
        assert.deepEqual(changed, whole.all);
        // Equal nodes are the same objects, an equal list the same list.
        changed.forEach((one, index) => {
          const kept = all.includes(whole.all[index] as ServiceNode);
          if (kept) assert.equal(one, whole.all[index]);
        });
        assert.equal(changed === all, whole.all === all);
      }),
      { numRuns: 2_000 },
    );
    assert.ok(folded > 500);
  });

  test("leaves nodes that were not made by defineNode to the whole", () => {
    const given = [node(1), node(2)];
    const { all } = foldSet([], { nodes: given }, where);
    assert.equal(foldChange({ given, all }, [node(1), { ...node(2), port: 0 }]), undefined);
    assert.equal(foldChange({ given, all }, [...given, null as unknown as ServiceNode]), undefined);
  });
});

import assert from "node:assert/strict";
import { fileURLToPath } from "node:url";
import { test } from "vitest";
import { checkSnippets, snippetsOf } from "../lib/snippets.ts";

const root = fileURLToPath(new URL("../..", import.meta.url));
const fence = "```";

test("blocks are found with their line, and with what is given", () => {
  const document = `# A

${fence}ts
const a = 1;
${fence}

<!-- given: declare const b:
  number; -->
<!-- given other.ts: export const c = 1; -->

${fence}ts
console.log(b);
${fence}

${fence}yaml
no: ts
${fence}

- item

  ${fence}ts
  const d = {
    e: 1,
  };
  ${fence}
`;
  assert.deepEqual(snippetsOf(document), [
    { line: 3, text: "const a = 1;\n", given: "", files: {} },
    {
      line: 11,
      text: "console.log(b);\n",
      given: "declare const b: number;",
      files: { "other.ts": "export const c = 1;\n" },
    },
    { line: 21, text: "const d = {\n  e: 1,\n};\n", given: "", files: {} },
  ]);
});

test("what is wrong is told with the line of the document", () => {
  const right = `${fence}ts
import { memoryRegistry } from "@rollcall/core";

await using registry = memoryRegistry();
const { type } = registry;
${fence}
`;
  const wrong = `# Wrong

<!-- given: import type { Registry } from "@rollcall/core"; declare const registry: Registry; -->

${fence}ts
const first = registry.kind;
${fence}

${fence}ts
import { missing } from "@rollcall/core";
${fence}
`;
  const { count, problems } = checkSnippets(root, { "right.md": right, "wrong.md": wrong });
  assert.equal(count, 3);
  assert.equal(problems.length, 2, problems.join("\n"));
  assert.match(problems[0]!, /^wrong\.md:6:24 error TS2339: Property 'kind' does not exist/);
  assert.match(problems[1]!, /^wrong\.md:10:10 error TS2305: .*has no exported member 'missing'/);
});

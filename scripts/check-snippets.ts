// Checks the types of the TypeScript in documents against the packages as they are built.
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { checkSnippets } from "./lib/snippets.ts";

const root = fileURLToPath(new URL("..", import.meta.url));
const readmes = ["packages", "apps"].flatMap((group) =>
  readdirSync(join(root, group)).map((name) => `${group}/${name}/README.md`),
);
const names = [
  "README.md",
  "CONTRIBUTING.md",
  ...readmes,
  ...readdirSync(join(root, "docs"))
    .filter((name) => name.endsWith(".md"))
    .map((name) => `docs/${name}`),
];
const documents: Record<string, string> = {};
for (const name of names) {
  try {
    documents[name] = readFileSync(join(root, name), "utf8");
  } catch (error) {
    // Not every folder has a README.
    if ((error as NodeJS.ErrnoException).code !== "ENOENT") throw error;
  }
}
const { count, problems } = checkSnippets(root, documents);
for (const problem of problems) console.error(problem);
if (problems.length > 0) {
  console.error("correct the block, or say what it takes for granted: see scripts/lib/snippets.ts");
  process.exitCode = 1;
} else {
  console.log(`${count} blocks of TypeScript in ${Object.keys(documents).length} documents`);
}

import { spawnSync } from "node:child_process";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";

/** One `ts` block of a document. */
export interface Snippet {
  /** Line of its fence, from 1. */
  readonly line: number;
  readonly text: string;
  /** TypeScript that stands before it, in one line, and is not shown to readers. */
  readonly given: string;
  /** Files beside it, by name, that are not shown either. */
  readonly files: Readonly<Record<string, string>>;
}

/**
 * The `ts` blocks of a document. What a reader can think of stands in a comment before the fence:
 *
 *     <!-- given: import type { ServiceView } from "@rollcall/core"; declare const view: ServiceView; -->
 *     <!-- given subject.ts: export declare const subject: Subject; -->
 */
export function snippetsOf(document: string): readonly Snippet[] {
  const block = /((?:^ *<!-- given[^]*?-->\s*)*)^( *)```ts\n([^]*?)^ *```$/gm;
  return [...document.matchAll(block)].map((found) => {
    const [, comments = "", indent = "", body = ""] = found;
    let given = "";
    const files: Record<string, string> = {};
    for (const [, name, text = ""] of comments.matchAll(/<!-- given ?([\w.-]+)?:([^]*?)-->/g)) {
      const line = text.replaceAll(/\s+/g, " ").trim();
      if (name === undefined) given += line;
      else files[name] = `${line}\n`;
    }
    const before = document.slice(0, found.index + comments.length);
    return {
      line: before.split("\n").length,
      text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
      given,
      files,
    };
  });
}

/**
 * Checks the types of all `ts` blocks against the packages as they are built, each as a module of its own.
 *
 * @param root  Of the repository.
 * @param documents  Text by name.
 * @returns how many blocks there are, and what is wrong: `README.md:31:7 …`.
 */
export function checkSnippets(
  root: string,
  documents: Readonly<Record<string, string>>,
): { readonly count: number; readonly problems: readonly string[] } {
  // By its real path, for messages name files relative to it.
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "rollcall-snippets-")));
  try {
    linkPackages(root, folder);
    const options = { noEmit: true, declaration: false, isolatedDeclarations: false };
    writeFileSync(
      join(folder, "tsconfig.json"),
      JSON.stringify({
        extends: join(root, "tsconfig.base.json"),
        // A block shows what can be had, and need not use it.
        compilerOptions: { ...options, noUnusedLocals: false, noUnusedParameters: false },
        include: ["**/*.ts"],
      }),
    );
    writeFileSync(join(folder, "package.json"), '{ "type": "module" }\n');
    const places = new Map<string, string>();
    for (const [document, text] of Object.entries(documents)) {
      for (const { line, text: code, given, files } of snippetsOf(text)) {
        const name = `snippet${places.size + 1}`;
        places.set(name, document);
        mkdirSync(join(folder, name));
        for (const [file, content] of Object.entries(files)) {
          writeFileSync(join(folder, name, file), content);
        }
        // Lines are those of the document, so that messages lead there.
        writeFileSync(
          join(folder, name, "snippet.ts"),
          `${given}${"\n".repeat(line)}${code}export {};\n`,
        );
      }
    }
    const { stdout, status, error } = spawnSync(
      process.execPath,
      [join(root, "node_modules/typescript/bin/tsc"), "-p", folder, "--pretty", "false"],
      { cwd: folder, encoding: "utf8", maxBuffer: 64 * 1024 * 1024 },
    );
    if (error !== undefined) throw error;
    const problems = stdout
      .split("\n")
      .filter((one) => one !== "")
      .map((one) =>
        one.replace(/^(snippet\d+)\/snippet\.ts\((\d+),(\d+)\): /, (_, name, line, column) => {
          return `${places.get(name)}:${line}:${column} `;
        }),
      );
    if (status !== 0 && problems.length === 0) problems.push(`tsc ended with exit code ${status}`);
    return { count: places.size, problems };
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

/** Blocks import packages as their users do, by name. */
function linkPackages(root: string, folder: string): void {
  const links = ["node_modules/vitest", "node_modules/@types/node"].map((path) => [path, path]);
  for (const group of ["packages", "apps"]) {
    for (const entry of readdirSync(join(root, group))) {
      const file = join(root, group, entry, "package.json");
      if (!existsSync(file)) continue;
      const { name } = JSON.parse(readFileSync(file, "utf8")) as { readonly name: string };
      links.push([join(group, entry), `node_modules/${name}`]);
    }
  }
  for (const [from = "", to = ""] of links) {
    mkdirSync(dirname(join(folder, to)), { recursive: true });
    symlinkSync(join(root, from), join(folder, to), "dir");
  }
}

import {
  type Document,
  isAlias,
  isMap,
  isScalar,
  isSeq,
  LineCounter,
  type Node,
  parseDocument,
  type Scalar,
} from "yaml";

import { substituteEnvironment } from "./environment.ts";
import type { Problem } from "./problem.ts";

/** Keys and list positions from the top of a document down to one value. */
export type Path = readonly PropertyKey[];

/** A whole configuration file is held in memory; nobody writes a longer one by hand. */
const maxFileLength = 32 * 1024 * 1024;
/** Aliases that one document may expand to; the `yaml` package refuses more as an attack. */
const maxAliasCount = 100;

/** One parsed configuration file: its value, and where each part of it stands. */
export class ConfigDocument {
  readonly file: string;
  readonly #document: Document;
  readonly #lines: LineCounter;
  readonly #fromEnvironment: Map<Scalar, string>;
  #value: unknown;

  constructor(
    file: string,
    document: Document,
    lines: LineCounter,
    fromEnvironment: Map<Scalar, string>,
  ) {
    this.file = file;
    this.#document = document;
    this.#lines = lines;
    this.#fromEnvironment = fromEnvironment;
    this.#value = document.toJS({ maxAliasCount });
  }

  /** The document as plain data. */
  get value(): unknown {
    return this.#value;
  }

  /** The part of {@link value} at `path`, `undefined` when there is none. */
  at(path: Path): unknown {
    let value = this.#value;
    for (const key of path) {
      if (typeof value !== "object" || value === null || !Object.hasOwn(value, key))
        return undefined;
      value = (value as Record<PropertyKey, unknown>)[key];
    }
    return value;
  }

  /** A problem with the value at `path`, or with its nearest ancestor that was written down. */
  problem(path: Path, message: string): Problem {
    return this.#problemAt(this.#find(path).node, message);
  }

  /** A problem with the key that ends `path`. */
  keyProblem(path: Path, message: string): Problem {
    const { node, key } = this.#find(path);
    return this.#problemAt(key ?? node, message);
  }

  /** Whether the value at `path` came out of an environment variable, so that it may be secret. */
  isFromEnvironment(path: Path): boolean {
    const { node, exact } = this.#find(path);
    return exact && isScalar(node) && this.#fromEnvironment.has(node);
  }

  /**
   * Takes the value at `path` as text again, when an environment variable made it a number or a
   * boolean; tells whether that changed anything.
   */
  restoreText(path: Path): boolean {
    const { node, exact } = this.#find(path);
    if (!exact || !isScalar(node)) return false;
    const text = this.#fromEnvironment.get(node);
    if (text === undefined || node.value === text) return false;
    node.value = text;
    this.#value = this.#document.toJS({ maxAliasCount });
    return true;
  }

  #problemAt(node: Node | undefined, message: string): Problem {
    const offset = node?.range?.[0] ?? 0;
    const { line, col } = this.#lines.linePos(offset);
    return { file: this.file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  }

  #find(path: Path): { node: Node | undefined; key: Node | undefined; exact: boolean } {
    let node = this.#resolved(this.#document.contents);
    let key: Node | undefined;
    for (const step of path) {
      if (isMap(node)) {
        const pair = node.items.find(
          (item) => isScalar(item.key) && String(item.key.value) === String(step),
        );
        if (pair === undefined) return { node, key, exact: false };
        key = pair.key as Node;
        // An empty value has no node of its own.
        node = this.#resolved(pair.value as Node | null) ?? key;
      } else if (isSeq(node)) {
        const item = node.items[Number(step)] as Node | undefined;
        if (item === undefined) return { node, key, exact: false };
        key = undefined;
        node = this.#resolved(item);
      } else {
        return { node, key, exact: false };
      }
    }
    return { node, key, exact: true };
  }

  #resolved(node: Node | null | undefined): Node | undefined {
    if (isAlias(node)) return node.resolve(this.#document) ?? node;
    return node ?? undefined;
  }
}

/**
 * Parses one file: YAML 1.2 with merge keys, then `${{VAR}}` substitution.
 *
 * @returns the document and what is wrong with it so far; no document where it cannot be read.
 */
export function readDocument(
  file: string,
  text: string,
  environment: Readonly<Record<string, string | undefined>>,
): { readonly document?: ConfigDocument; readonly problems: readonly Problem[] } {
  if (text.length > maxFileLength) {
    return { problems: [{ file, message: `is longer than ${maxFileLength} characters` }] };
  }
  const lines = new LineCounter();
  const at = (offset: number, message: string): Problem => {
    const { line, col } = lines.linePos(offset);
    return { file, line: Math.max(line, 1), column: Math.max(col, 1), message };
  };
  try {
    const parsed = parseDocument(text, { lineCounter: lines, prettyErrors: false, merge: true });
    const faults = [...parsed.errors, ...parsed.warnings];
    const problems = faults.map((fault) => at(fault.pos[0], yamlMessage(fault, text)));
    const unquoted = unquotedVariable(faults, text, lines);
    if (unquoted !== undefined) return { problems: [at(unquoted, unquotedMessage)] };
    // A key that is there twice leaves the rest readable, so that the rest can be judged as well.
    if (faults.some((fault) => fault.code !== "DUPLICATE_KEY")) return { problems };
    if (parsed.contents === null || (isScalar(parsed.contents) && parsed.contents.value === null)) {
      return { problems: [{ file, message: "is empty" }] };
    }
    if (!isMap(parsed.contents)) {
      const offset = parsed.contents.range?.[0] ?? 0;
      return { problems: [at(offset, "must be a map of keys such as listen: and routes:")] };
    }
    const { texts, faults: unset } = substituteEnvironment(parsed, environment);
    problems.push(...unset.map(({ offset, message }) => at(offset, message)));
    if (unset.length > 0) return { problems };
    return { document: new ConfigDocument(file, parsed, lines, texts), problems };
  } catch (error) {
    return { problems: [{ file, message: parserFailure(error) }] };
  }
}

function yamlMessage(
  fault: {
    readonly code: string;
    readonly message: string;
    readonly pos: readonly [number, number];
  },
  text: string,
): string {
  if (fault.code === "DUPLICATE_KEY") {
    const key = /^[\w.-]{1,64}/.exec(text.slice(fault.pos[0]));
    return key === null ? "this key is there twice" : `the key "${key[0]}" is there twice`;
  }
  if (fault.code === "MULTIPLE_DOCS") return "holds a second document after ---; keep one";
  return `is not valid YAML: ${fault.message.split("\n", 1)[0]}`;
}

const unquotedMessage = 'inside { } and [ ], quote what holds ${{…}}: { port: "${{PORT}}" }';

/** Where a fault stands on a line with `${{`, which ends early in flow style and takes the rest with it. */
function unquotedVariable(
  faults: readonly { readonly code: string; readonly pos: readonly [number, number] }[],
  text: string,
  lines: LineCounter,
): number | undefined {
  const [first] = faults;
  if (first === undefined || first.code === "DUPLICATE_KEY") return undefined;
  const start = lines.lineStarts[lines.linePos(first.pos[0]).line - 1] ?? 0;
  const line = text.slice(start).split("\n", 1)[0] ?? "";
  for (const { index } of line.matchAll(/\$\{\{/g)) {
    const quotes = line.slice(0, index).match(/["']/g)?.length ?? 0;
    if (quotes % 2 === 0) return start + index;
  }
  return undefined;
}

function parserFailure(error: unknown): string {
  if (error instanceof RangeError) return "is nested too deeply";
  if (error instanceof ReferenceError) {
    // The yaml package throws ReferenceError for aliases: an unknown anchor, or too many.
    return error.message.startsWith("Excessive alias count")
      ? `its aliases expand to too much (more than ${maxAliasCount}); write the values out`
      : `is not valid YAML: ${error.message.split("\n", 1)[0]}`;
  }
  // What the package says without a class of its own, such as a merge key of something else than a map.
  if (error instanceof Error && error.constructor === Error) {
    return `is not valid YAML: ${error.message.split("\n", 1)[0]}`;
  }
  throw error;
}

import type { ListMemory } from "@rollcall/core/adapter";

import { BodyError, parseJson } from "./body.ts";
import { isRecord } from "./record.ts";

/** A body above this keeps its list as a text, in bytes: that is parsed only where it changed. */
const largeBytes = 131_072;

/** Stands for a list that was taken out of its text; no server can know it. */
const mark: string = crypto.randomUUID();

/** The instances of an answer, as they came: anything JSON can be. */
export class HostList {
  readonly #parse: () => unknown;
  readonly #text: Buffer | undefined;
  #all: readonly unknown[] | undefined;

  /**
   * @param parse  Gives what stands in the place of the list.
   * @param text  What is probably the list's text.
   */
  constructor(parse: () => unknown, text?: Buffer) {
    this.#parse = parse;
    this.#text = text;
  }

  /**
   * All of them.
   *
   * @throws {@link BodyError} when that was no list after all.
   */
  get all(): readonly unknown[] {
    if (this.#all === undefined) {
      const value = this.#parse();
      if (!Array.isArray(value)) throw new BodyError("the answer has no list of hosts");
      this.#all = value;
    }
    return this.#all;
  }

  /** Only some of them. */
  filter(isWanted: (host: unknown) => boolean): HostList {
    return new HostList(() => this.all.filter(isWanted));
  }

  /**
   * Each of them decoded: by what the memory knows, where it can.
   *
   * @throws {@link BodyError} when that was no list after all.
   */
  decode<T>(memory: ListMemory<T>): readonly T[] {
    if (this.#text !== undefined) {
      try {
        return memory.readWhole(this.#text);
      } catch {
        // The text was not the list's: what it is, parsing all of the body tells.
      }
    }
    return memory.decodeAll(this.all);
  }
}

/**
 * Parses a body in which a list of hosts may stand: where it stands, a {@link HostList} is.
 *
 * Of a large body the list is not parsed yet. What is taken for its text begins behind its key and ends with the
 * last bracket of the body. The body is what it seems to be exactly if that text is a list, and the rest is JSON
 * with whatever list in its place; both are looked at.
 *
 * @param path  Names of the fields that lead to the list.
 * @throws {@link BodyError}
 */
export function parseWithHosts(body: Buffer, path: readonly string[]): unknown {
  const parse = (): unknown => parseJson(body.toString("utf8"));
  if (body.length >= largeBytes) {
    const key = `"${path.at(-1)}":`;
    const from = body.indexOf(`${key}[`) + key.length;
    const to = body.lastIndexOf("]") + 1;
    if (from >= key.length && to > from) {
      try {
        const rest = `${body.toString("utf8", 0, from)}"${mark}"${body.toString("utf8", to)}`;
        const list = new HostList(() => at(parse(), path), body.subarray(from, to));
        const around = replaced(
          JSON.parse(rest),
          path,
          (value) => value === mark,
          () => list,
        );
        if (around !== undefined) return around;
      } catch {
        // Not of that form: it is parsed whole.
      }
    }
  }
  const whole = parse();
  return replaced(whole, path, Array.isArray, (value) => new HostList(() => value)) ?? whole;
}

/**
 * Puts another value in a place of parsed JSON.
 *
 * @returns  Undefined when what is there is not what is expected; then nothing was replaced.
 */
function replaced(
  root: unknown,
  path: readonly string[],
  isExpected: (value: unknown) => boolean,
  by: (value: unknown) => HostList,
): unknown {
  const parent = at(root, path.slice(0, -1));
  const name = path.at(-1)!;
  if (!isRecord(parent) || !Object.hasOwn(parent, name) || !isExpected(parent[name])) {
    return undefined;
  }
  parent[name] = by(parent[name]);
  return root;
}

function at(root: unknown, path: readonly string[]): unknown {
  return path.reduce<unknown>((value, name) => (isRecord(value) ? value[name] : undefined), root);
}

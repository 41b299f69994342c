import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import { fileStamp } from "./file-stamp.ts";

/** The PEM files that a configuration names: each is read once, and known afterwards by its path. */
export class PemFiles {
  readonly #directory: string;
  readonly #known: Readonly<Record<string, string>>;
  readonly #texts = new Map<string, string>();
  readonly #stamps = new Map<string, string>();

  /**
   * @param directory  Paths are relative to it.
   * @param known  Texts of files that were read before, by path; those are not read again.
   */
  constructor(directory: string, known: Readonly<Record<string, string>> = {}) {
    this.#directory = directory;
    this.#known = known;
  }

  /** Stamps of all files that were asked for, also of those that cannot be read, by absolute path. */
  get stamps(): ReadonlyMap<string, string> {
    return this.#stamps;
  }

  /** Texts of the files that could be read, by absolute path; may hold private keys. */
  get texts(): Readonly<Record<string, string>> {
    return Object.fromEntries(this.#texts);
  }

  /**
   * @param value  PEM text, or the path of a PEM file.
   * @returns the text, or what is wrong, without a word of the value.
   */
  read(value: string): { readonly text: string } | { readonly fault: string } {
    if (value.trimStart().startsWith("-----BEGIN")) return { text: value };
    // Whoever pastes something else than a path gets no line of it back.
    if (value.includes("\n")) return { fault: "is neither PEM text nor the path of a PEM file" };
    const path = resolve(this.#directory, value);
    let text = this.#texts.get(path) ?? this.#known[path];
    if (text === undefined) {
      this.#stamps.set(path, fileStamp(path));
      try {
        text = readFileSync(path, "utf8");
      } catch (error) {
        const { code = "unknown error" } = error as NodeJS.ErrnoException;
        return { fault: `the file cannot be read (${code})` };
      }
    }
    this.#texts.set(path, text);
    return text.includes("-----BEGIN") ? { text } : { fault: "the file holds no PEM text" };
  }
}

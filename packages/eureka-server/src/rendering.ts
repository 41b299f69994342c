import { promisify } from "node:util";
import { gzip } from "node:zlib";

const compress = promisify(gzip);

/** What a document can be written as. */
export type Format = "json" | "xml";

/** A document as bytes, compressed at most once. */
export class Rendering {
  readonly format: Format;
  readonly plain: Buffer;
  #compressed: Promise<Buffer> | undefined;

  constructor(format: Format, text: string) {
    this.format = format;
    this.plain = Buffer.from(text);
  }

  compressed(): Promise<Buffer> {
    this.#compressed ??= compress(this.plain);
    return this.#compressed;
  }
}

/** Keeps the renderings that every client polls for until the registry changes. */
export class RenderingCache {
  readonly #kept = new Map<string, { readonly revision: number; readonly rendering: Rendering }>();

  get(key: "apps" | "delta", format: Format, revision: number, text: () => string): Rendering {
    const kept = this.#kept.get(key + format);
    if (kept?.revision === revision) return kept.rendering;
    const rendering = new Rendering(format, text());
    this.#kept.set(key + format, { revision, rendering });
    return rendering;
  }
}

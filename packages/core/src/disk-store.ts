import { createHash, randomBytes } from "node:crypto";
import { mkdir, open, readdir, readFile, rename, rm, stat } from "node:fs/promises";
import { join } from "node:path";

import { DiscoveryError } from "./error.ts";
import { defineNode, type NodeInput, type ServiceNode } from "./node.ts";
import { queryKey } from "./query.ts";
import type { Registry, ServiceQuery } from "./registry.ts";

/** A node set as it was when a process last saw it. */
export interface StoredSet {
  readonly nodes: readonly ServiceNode[];
  /** When it was written, Unix ms. */
  readonly savedAt: number;
}

/** First line of a snapshot file; the second line is the nodes. */
interface Header {
  readonly format: "rollcall-snapshot";
  readonly schema: 1;
  readonly identity: string;
  readonly query: string;
  readonly savedAt: number;
  /** Of this header without the checksum, a line feed, and the body. */
  readonly sha256: string;
}

const maxFileBytes = 256 * 1024 * 1024;
const leftoverAfterMs = 600_000;

/**
 * The memory of last time: one file per registry identity and query.
 *
 * A file is written beside its place, flushed, and renamed over it, so a reader finds the old one or the
 * new one whole, whatever kills the writer. What does not carry its own checksum, this schema and this
 * very identity and query is ignored and reported. Files are readable by their owner only.
 */
export class DiskStore {
  readonly #directory: string;
  readonly #registry: Pick<Registry, "name" | "identity">;
  #prepared: Promise<void> | undefined;

  constructor(directory: string, registry: Pick<Registry, "name" | "identity">) {
    this.#directory = directory;
    this.#registry = registry;
  }

  /** Where the set of a query lives. */
  fileOf(query: ServiceQuery): string {
    const key = sha256(`${this.#registry.identity}\n${queryKey(query)}`).slice(0, 40);
    return join(this.#directory, `${key}.snapshot`);
  }

  /**
   * @returns `undefined` when there is no file.
   * @throws {@link DiscoveryError} `RECORD` when the file is damaged, foreign or of another schema;
   *   `UNAVAILABLE` when it cannot be read.
   */
  async load(query: ServiceQuery): Promise<StoredSet | undefined> {
    const file = this.fileOf(query);
    let text: string;
    try {
      const found = await stat(file);
      // Reading a pipe that somebody put there would wait for ever.
      if (!found.isFile()) throw this.#damaged(query, "not a file");
      if (found.size > maxFileBytes)
        throw this.#damaged(query, `larger than ${maxFileBytes} bytes`);
      text = await readFile(file, "utf8");
    } catch (error) {
      if (isMissing(error)) return undefined;
      throw this.#wrap("read snapshot", query, error);
    }
    const end = text.indexOf("\n");
    const header = parse(text.slice(0, Math.max(end, 0))) as Partial<Header> | undefined;
    const body = text.slice(end + 1);
    if (header?.format !== "rollcall-snapshot") throw this.#damaged(query, "not a snapshot file");
    if (header.schema !== 1) throw this.#damaged(query, "of another schema version");
    if (header.identity !== this.#registry.identity || header.query !== queryKey(query)) {
      throw this.#damaged(query, "of another registry or query");
    }
    const { sha256: checksum, ...described } = header;
    if (checksum !== sha256(`${JSON.stringify(described)}\n${body}`)) {
      throw this.#damaged(query, "checksum does not match");
    }
    return { nodes: decode(parse(body)), savedAt: Number(header.savedAt) };
  }

  /** @throws {@link DiscoveryError} `UNAVAILABLE`; the file of before is then untouched. */
  async save(query: ServiceQuery, nodes: readonly ServiceNode[], savedAt: number): Promise<void> {
    const file = this.fileOf(query);
    const body = JSON.stringify(nodes);
    const described: Omit<Header, "sha256"> = {
      format: "rollcall-snapshot",
      schema: 1,
      identity: this.#registry.identity,
      query: queryKey(query),
      savedAt,
    };
    const header: Header = {
      ...described,
      sha256: sha256(`${JSON.stringify(described)}\n${body}`),
    };
    const temporary = `${file}.${process.pid}-${randomBytes(4).toString("hex")}.tmp`;
    try {
      await (this.#prepared ??= this.#prepare());
      const handle = await open(temporary, "wx", 0o600);
      try {
        await handle.writeFile(`${JSON.stringify(header)}\n${body}`);
        await handle.sync();
      } finally {
        await handle.close();
      }
      await rename(temporary, file);
    } catch (error) {
      this.#prepared = undefined;
      await rm(temporary, { force: true }).catch(() => undefined);
      throw this.#wrap("write snapshot", query, error);
    }
  }

  /** Makes the directory and clears what killed writers left behind. */
  async #prepare(): Promise<void> {
    await mkdir(this.#directory, { recursive: true, mode: 0o700 });
    for (const name of await readdir(this.#directory)) {
      if (!/^[0-9a-f]{40}\.snapshot\..+\.tmp$/.test(name)) continue;
      const leftover = join(this.#directory, name);
      const age = await stat(leftover).then(
        (found) => Date.now() - found.mtimeMs,
        () => 0,
      );
      if (age > leftoverAfterMs) await rm(leftover, { force: true });
    }
  }

  #damaged(query: ServiceQuery, reason: string): DiscoveryError {
    const operation = `read snapshot ${query.service}`;
    return new DiscoveryError({ code: "RECORD", registry: this.#registry.name, operation, reason });
  }

  #wrap(verb: string, query: ServiceQuery, cause: unknown): DiscoveryError {
    if (cause instanceof DiscoveryError) return cause;
    const reason =
      cause instanceof Error && "code" in cause ? String(cause.code) : "unexpected error";
    const operation = `${verb} ${query.service}`;
    return new DiscoveryError({
      code: "UNAVAILABLE",
      registry: this.#registry.name,
      operation,
      reason,
      cause,
    });
  }
}

function decode(stored: unknown): ServiceNode[] {
  if (!Array.isArray(stored)) return [];
  const nodes: ServiceNode[] = [];
  for (const one of stored as NodeInput[]) {
    try {
      nodes.push(defineNode(one));
    } catch (error) {
      // Written by a version with wider bounds: that node alone is left out.
      if (!(error instanceof DiscoveryError)) throw error;
    }
  }
  return nodes;
}

function parse(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}

function sha256(text: string): string {
  return createHash("sha256").update(text).digest("hex");
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && "code" in error && error.code === "ENOENT";
}

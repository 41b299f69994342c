import {
  DiscoveryError,
  type NodeSet,
  type RejectedRecord,
  sameNode,
  type ServiceNode,
} from "@rollcall/core";

import { eachBounded } from "./bounded.ts";
import type { WatchEvent } from "./client/connection.ts";
import type { Link } from "./client/link.ts";
import type { Codec } from "./codecs/codec.ts";
import { nameProblem } from "./znode-path.ts";

/** What a service's records are read with. */
export interface ReaderOptions {
  /** Name of the registry, for errors. */
  readonly registry: string;
  readonly service: string;
  /** Path of the service's znode. */
  readonly path: string;
  readonly codec: Codec;
  /** Weight of nodes without one. */
  readonly weight: number;
}

/** Records read at once. */
const maxReads = 512;
/** Records of one service; a server that lists more is not believed. */
const maxRecords = 100_000;

interface Child {
  readonly node?: ServiceNode | undefined;
  readonly error?: DiscoveryError | undefined;
}

/**
 * One service as it is read over one link: what is known of its records, and which must be looked at again.
 *
 * A watch event is only a hint. What it points at is read again, and with it the watch is set again where watches
 * tell only once.
 */
export class ServiceReader {
  readonly #options: ReaderOptions;
  readonly #children = new Map<string, Child>();
  #isListDue = true;
  #due = new Set<string>();

  constructor(options: ReaderOptions) {
    this.#options = options;
  }

  /** Takes a hint; whether it concerns the service. */
  note({ type, path }: WatchEvent): boolean {
    const root = this.#options.path;
    if (path === root) {
      // Changed data of the service's own znode say nothing.
      if (type === "changed") return false;
      this.#isListDue = true;
      return true;
    }
    // Whoever else watches one of our records may be told of its children, which it cannot have.
    if (type === "children") return false;
    this.#due.add(path.slice(root.length + 1));
    return true;
  }

  /**
   * Reads what must be read.
   *
   * @param setsWatches  Whether each read sets a watch that tells once.
   * @throws {@link DiscoveryError} when the link fails, or when every record is refused to us.
   */
  async refresh(link: Link, signal: AbortSignal, setsWatches: boolean): Promise<void> {
    if (this.#isListDue) {
      this.#isListDue = false;
      this.#compare(await this.#names(link, signal, setsWatches));
    }
    const due = this.#due;
    this.#due = new Set();
    await eachBounded(due, maxReads, (name) => this.#read(link, name, signal, setsWatches));
    this.#refuseNothing();
  }

  /** The whole set, as far as it is read. */
  set(): NodeSet {
    const nodes: ServiceNode[] = [];
    const rejected: RejectedRecord[] = [];
    for (const [name, { node, error }] of this.#children) {
      if (node !== undefined) nodes.push(node);
      if (error !== undefined) rejected.push({ key: `${this.#options.path}/${name}`, error });
    }
    return { nodes, rejected };
  }

  async #names(link: Link, signal: AbortSignal, watch: boolean): Promise<readonly string[]> {
    const { path } = this.#options;
    for (;;) {
      const names = await link.list(path, signal, watch);
      if (names !== undefined) return names;
      // A missing znode takes no watch from a list. Should it have come meanwhile, it can be listed.
      if (!watch || (await link.exists(path, signal, true)) === undefined) return [];
    }
  }

  /** Names that are new are due; those that are gone, too. */
  #compare(names: readonly string[]): void {
    if (names.length > maxRecords) {
      const { registry, path } = this.#options;
      const reason = `${names.length} records, at most ${maxRecords} are read`;
      throw new DiscoveryError({ code: "PROTOCOL", registry, operation: `list ${path}`, reason });
    }
    const now = new Set(names);
    for (const name of now) if (!this.#children.has(name)) this.#due.add(name);
    for (const name of this.#children.keys()) if (!now.has(name)) this.#due.add(name);
  }

  async #read(link: Link, name: string, signal: AbortSignal, watch: boolean): Promise<void> {
    const { registry, service, path, codec, weight } = this.#options;
    const problem = nameProblem(name);
    if (problem !== undefined) {
      const operation = `read ${path}/${name}`;
      const error = new DiscoveryError({ code: "RECORD", registry, operation, reason: problem });
      this.#children.set(name, { error });
      return;
    }
    try {
      const stored = await link.read(`${path}/${name}`, signal, watch);
      if (stored === undefined) {
        this.#children.delete(name);
        return;
      }
      const decoded = codec.decode(stored.data, { registry, service, id: name, weight });
      const before = this.#children.get(name)?.node;
      const isSame =
        before !== undefined && decoded.node !== undefined && sameNode(before, decoded.node);
      this.#children.set(name, isSame ? { ...decoded, node: before } : decoded);
    } catch (error) {
      // A record of its own rights is a bad record; anything else is a failure of the whole.
      if (!(error instanceof DiscoveryError) || error.code !== "AUTH") throw error;
      this.#children.set(name, { error });
    }
  }

  /** Credentials that may read nothing are refused credentials, not a service of bad records. */
  #refuseNothing(): void {
    let refusal: DiscoveryError | undefined;
    for (const { error } of this.#children.values()) {
      if (error?.code !== "AUTH") return;
      refusal ??= error;
    }
    if (refusal !== undefined) throw refusal;
  }
}

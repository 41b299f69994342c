import { type Clock } from "./adapter/clock.ts";
import { publishDiscovery } from "./channel.ts";
import { asDiscoveryError } from "./error.ts";
import type { DiskStore, StoredSet } from "./disk-store.ts";
import type { ServiceNode } from "./node.ts";
import type { ServiceQuery } from "./registry.ts";

/** At most one write per this long: a flapping service must not wear out a disk. */
const writeEveryMs = 250;

/** How long a failed write waits for its next try: a full disk is not mended by insisting. */
const retryAfterMs = 30_000;

/**
 * One service's copy on disk: read once at the start, written behind the changes, newest wins.
 *
 * Trouble with the disk is published on `rollcall:discovery` and changes nothing else.
 */
export class DiskCopy {
  readonly #store: DiskStore;
  readonly #query: ServiceQuery;
  readonly #registry: string;
  readonly #clock: Clock;
  readonly #delayMs: number;
  readonly #maxAgeMs: number;
  #stored: Promise<StoredSet | undefined> | undefined;
  #show: (() => Promise<void>) | undefined;
  #cancelShow: (() => void) | undefined;
  /** The newest set, and whether it still has to be written. */
  #latest: readonly ServiceNode[] | undefined;
  #unwritten = false;
  #closed = false;
  #writing: Promise<void> | undefined;
  #cancelWrite: (() => void) | undefined;

  constructor(options: {
    readonly store: DiskStore;
    readonly query: ServiceQuery;
    readonly registry: string;
    readonly clock: Clock;
    /** How long the registry has to answer before last time's set is shown, in ms. */
    readonly delayMs: number;
    /** A set older than this is not shown. */
    readonly maxAgeMs: number;
  }) {
    this.#store = options.store;
    this.#query = options.query;
    this.#registry = options.registry;
    this.#clock = options.clock;
    this.#delayMs = options.delayMs;
    this.#maxAgeMs = options.maxAgeMs;
  }

  /** Reads the file and calls `show` after the delay, or as soon as {@link needed} says so. */
  load(show: (stored: StoredSet) => void): void {
    this.#stored = this.#store.load(this.#query).catch((error: unknown) => {
      this.#report(error);
      return undefined;
    });
    this.#show = async () => {
      this.#cancelShow?.();
      const stored = await this.#stored;
      if (stored !== undefined && this.#isYoung(stored) && this.#show !== undefined) show(stored);
      this.#show = undefined;
    };
    this.#cancelShow = this.#clock.after(this.#delayMs, () => void this.#show?.());
  }

  #isYoung({ savedAt }: StoredSet): boolean {
    return this.#clock.unixMs() - savedAt < this.#maxAgeMs;
  }

  /**
   * The registry failed: what is on disk is better than nothing.
   *
   * @returns what to wait for when the copy may be shown yet; `undefined` when it was, or never will be.
   */
  needed(): Promise<void> | undefined {
    return this.#show?.();
  }

  /** Remembers `nodes`; the array's identity tells whether there is anything new. */
  save(nodes: readonly ServiceNode[]): void {
    this.#show = undefined;
    this.#cancelShow?.();
    if (nodes === this.#latest) return;
    this.#latest = nodes;
    this.#unwritten = true;
    if (this.#writing !== undefined || this.#cancelWrite !== undefined) return;
    this.#writing = this.#write();
  }

  /** Writes what is still to be written. */
  async close(): Promise<void> {
    this.#closed = true;
    this.#show = undefined;
    this.#cancelShow?.();
    await this.#writing;
    this.#cancelWrite?.();
    await this.#write();
  }

  async #write(): Promise<void> {
    const nodes = this.#latest;
    if (nodes === undefined || !this.#unwritten) return;
    this.#unwritten = false;
    let pauseMs = writeEveryMs;
    try {
      await this.#store.save(this.#query, nodes, this.#clock.unixMs());
    } catch (error) {
      this.#unwritten = true;
      pauseMs = retryAfterMs;
      this.#report(error);
    }
    this.#writing = undefined;
    if (this.#closed) return;
    this.#cancelWrite = this.#clock.after(pauseMs, () => {
      this.#cancelWrite = undefined;
      if (this.#unwritten) this.#writing = this.#write();
    });
  }

  #report(thrown: unknown): void {
    const where = { registry: this.#registry, operation: `snapshot ${this.#query.service}` };
    const error = asDiscoveryError(thrown, where);
    publishDiscovery({ kind: "disk_failed", registry: this.#registry, query: this.#query, error });
  }
}

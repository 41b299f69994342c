import type { Connection, SessionTicket, WatchEvent } from "./connection.ts";
import { errorCode, errorOf } from "./error-code.ts";
import type { Answer } from "./request-queue.ts";
import * as requests from "./requests.ts";
import type { NewZnode, Request, Stored } from "./requests.ts";

/** How a write ended: `gone`, there was no such znode; `changed`, it had another version. */
export type WriteEnd = "done" | "gone" | "changed";

/** What the servers of a session were found not to know; some hang up when they are asked for it. */
export interface Abilities {
  /** Servers from 3.6 on. */
  recursiveWatches: boolean;
}

/** What a {@link Link} shares with those before and after it. */
export interface LinkOptions {
  /** Name of the registry, for errors. */
  readonly registry: string;
  readonly listeners: Listeners;
  readonly abilities: Abilities;
}

type Listener = (event: WatchEvent) => void;

/**
 * A session on one connection, as the rest of the adapter uses it: the seam behind which the wire is.
 *
 * What is watched on a link ends with it. Whoever sees {@link Link.lost} must take what it knows for doubtful, and
 * read again on the next link.
 */
export class Link {
  readonly sessionId: bigint;
  /** What the server granted, in ms. */
  readonly timeoutMs: number;
  readonly #connection: Connection;
  readonly #registry: string;
  readonly #listeners: Listeners;
  readonly #abilities: Abilities;
  /** Recursive watches by path, with the number of their users. */
  readonly #trees = new Map<string, { users: number; readonly isWatched: Promise<boolean> }>();

  constructor(
    connection: Connection,
    session: SessionTicket,
    { registry, listeners, abilities }: LinkOptions,
  ) {
    this.#connection = connection;
    this.sessionId = session.id;
    this.timeoutMs = session.timeoutMs;
    this.#registry = registry;
    this.#listeners = listeners;
    this.#abilities = abilities;
  }

  /** Aborted with a DiscoveryError when the connection is over. */
  get lost(): AbortSignal {
    return this.#connection.lost;
  }

  /** The znode's data; undefined when there is none. With `watch`, its next change or end is told once. */
  async read(path: string, signal: AbortSignal, watch = false): Promise<Stored | undefined> {
    return this.#valueOf(requests.getData(path, watch), signal);
  }

  /** Facts of a znode; undefined when there is none. With `watch`, its coming, going or change is told once. */
  async exists(
    path: string,
    signal: AbortSignal,
    watch = false,
  ): Promise<requests.Stat | undefined> {
    return this.#valueOf(requests.exists(path, watch), signal);
  }

  /** Names below a znode; undefined when there is none. With `watch`, the next coming or going is told once. */
  async list(
    path: string,
    signal: AbortSignal,
    watch = false,
  ): Promise<readonly string[] | undefined> {
    return this.#valueOf(requests.getChildren(path, watch), signal);
  }

  /** Makes the server catch up before it answers what is asked next; not waited for. */
  catchUp(path: string, signal: AbortSignal): void {
    // What is asked next would fail for the same reason.
    this.#connection.request(requests.sync(path), signal).catch(() => undefined);
  }

  async create(
    znode: NewZnode,
    signal: AbortSignal,
  ): Promise<"done" | "exists" | "no-parent" | "unsupported"> {
    const request = requests.create(znode);
    const { error } = await this.#connection.request(request, signal);
    if (error === errorCode.nodeExists) return "exists";
    if (error === errorCode.noNode) return "no-parent";
    if (error === errorCode.unimplemented) return "unsupported";
    this.#check(error, request);
    return "done";
  }

  async write(
    path: string,
    data: Uint8Array,
    version: number,
    signal: AbortSignal,
  ): Promise<WriteEnd> {
    return this.#end(requests.setData(path, data, version), signal);
  }

  async remove(path: string, version: number, signal: AbortSignal): Promise<WriteEnd> {
    return this.#end(requests.remove(path, version), signal);
  }

  /** Puts another znode in the place of one of that version, in one step. */
  async replace(version: number, znode: NewZnode, signal: AbortSignal): Promise<WriteEnd> {
    const request = requests.replace(version, znode);
    const { error, value } = await this.#connection.request(request, signal);
    return this.#endOf(error || (value ?? 0), request);
  }

  /** Hears what happens to the path and to what is right below it, while watches of any kind tell it. */
  listen(path: string, listener: Listener): () => void {
    return this.#listeners.add(path, listener);
  }

  /**
   * Has all changes at and below a path told from now on.
   *
   * @returns Whether this server can; when not, the connection may end with the answer.
   */
  watchTree(path: string): Promise<boolean> {
    let tree = this.#trees.get(path);
    if (tree === undefined) {
      tree = { users: 0, isWatched: this.#addTree(path) };
      tree.isWatched.catch(() => undefined);
      this.#trees.set(path, tree);
    }
    tree.users += 1;
    return tree.isWatched;
  }

  /** Ends one {@link watchTree}. */
  unwatchTree(path: string): void {
    const tree = this.#trees.get(path);
    if (tree === undefined) return;
    tree.users -= 1;
    if (tree.users > 0) return;
    this.#trees.delete(path);
    void this.#removeTree(path, tree.isWatched);
  }

  /** Ends the session, and with it every ephemeral znode of ours. */
  endSession(timeoutMs: number): Promise<void> {
    return this.#connection.endSession(timeoutMs);
  }

  async #addTree(path: string): Promise<boolean> {
    if (!this.#abilities.recursiveWatches) return false;
    const request = requests.addRecursiveWatch(path);
    const { error } = await this.#connection.request(request);
    if (error === errorCode.unimplemented) {
      this.#abilities.recursiveWatches = false;
      return false;
    }
    this.#check(error, request);
    return true;
  }

  async #removeTree(path: string, isWatched: Promise<boolean>): Promise<void> {
    try {
      if (!(await isWatched) || this.#trees.has(path)) return;
      // Without it the server only goes on telling what nobody hears.
      await this.#connection.request(requests.removeWatches(path));
    } catch {
      // It ended with the connection.
    }
  }

  async #valueOf<T>(request: Request<T>, signal: AbortSignal): Promise<T | undefined> {
    const answer: Answer<T> = await this.#connection.request(request, signal);
    if (answer.error === errorCode.noNode) return undefined;
    this.#check(answer.error, request);
    return answer.value;
  }

  async #end(request: Request<unknown>, signal: AbortSignal): Promise<WriteEnd> {
    const { error } = await this.#connection.request(request, signal);
    return this.#endOf(error, request);
  }

  #endOf(error: number, request: Request<unknown>): WriteEnd {
    if (error === errorCode.noNode) return "gone";
    if (error === errorCode.badVersion || error === errorCode.nodeExists) return "changed";
    this.#check(error, request);
    return "done";
  }

  #check(error: number, { operation }: Request<unknown>): void {
    if (error !== errorCode.ok) throw errorOf(error, { registry: this.#registry, operation });
  }
}

/** Who hears of which path. */
export class Listeners {
  readonly #byPath = new Map<string, Set<Listener>>();

  add(path: string, listener: Listener): () => void {
    const own: Listener = (event) => listener(event);
    const listeners = this.#byPath.get(path) ?? new Set();
    listeners.add(own);
    this.#byPath.set(path, listeners);
    return () => {
      listeners.delete(own);
      if (listeners.size === 0 && this.#byPath.get(path) === listeners) this.#byPath.delete(path);
    };
  }

  /** Tells those of the path itself and those of its parent. */
  tell(event: WatchEvent): void {
    const parent = event.path.slice(0, Math.max(0, event.path.lastIndexOf("/")));
    for (const path of [event.path, parent]) {
      for (const listener of this.#byPath.get(path) ?? []) listener(event);
    }
  }
}

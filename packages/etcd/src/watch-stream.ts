import { DiscoveryError, type ErrorCode } from "@rollcall/core";
import type { Clock } from "@rollcall/core/adapter";

import type { Connection, Exchange } from "./connection.ts";
import {
  type Header,
  type KeyRange,
  rangeRequest,
  readWatch,
  type WatchAnswer,
  watchCancelRequest,
  watchCreateRequest,
  type WatchEvent,
} from "./messages.ts";
import { RpcFailure, toDiscoveryError } from "./rpc-failure.ts";

/** What a watch tells its owner. */
export interface WatchHandler {
  /** The server has begun; `header` is of that moment. A throw ends the watch with it. */
  created(header: Header): void;
  /** Everything of one or more whole revisions, in order. A throw ends the watch with it. */
  events(events: readonly WatchEvent[]): void;
  /** Once: nothing follows. */
  failed(error: DiscoveryError): void;
}

/** What a {@link WatchStream} works with. */
export interface WatchStreamContext {
  readonly connection: Connection;
  readonly token: string | undefined;
  readonly headers: Readonly<Record<string, string>>;
  /** Name for errors. */
  readonly registry: string;
  readonly clock: Clock;
  /** How long a watch may take to begin. */
  readonly requestMs: number;
  /** After this long without a word it asks for one. */
  readonly silenceMs: number;
  readonly onTokenRefused: () => void;
}

const watchMethod = "/etcdserverpb.Watch/Watch";
/**
 * A question that every member answers at once, be it with a refusal. Not etcd's progress request, which newer
 * servers leave unanswered as long as nothing has been written since the watch began; nor a ping, of which gRPC
 * servers take few.
 */
const probe = {
  method: "/etcdserverpb.KV/Range",
  request: rangeRequest({ key: Buffer.from([0]), serializable: true, keysOnly: true }),
};

interface Watch {
  readonly operation: string;
  readonly handler: WatchHandler;
  /** Events of a revision whose last part is still to come. */
  readonly parts: WatchEvent[];
  isCreated: boolean;
  /** Ends the wait for its beginning. */
  readonly cancelTimer: () => void;
}

/** Any number of watches on one stream. It ends with its last watch, and they all end with it. */
export class WatchStream {
  readonly #context: WatchStreamContext;
  readonly #exchange: Exchange;
  readonly #watches = new Map<number, Watch>();
  #lastId = 0;
  #ended = false;
  #heardAtMs: number;
  /** Aborted at the end. */
  readonly #over = new AbortController();
  #cancelProbe: () => void;

  constructor(context: WatchStreamContext) {
    this.#context = context;
    this.#exchange = context.connection.start(watchMethod, context.headers, {
      message: (bytes) => this.#received(bytes),
      ended: (failure) => this.#fail(failure),
    });
    this.#heardAtMs = context.clock.monotonicMs();
    this.#cancelProbe = this.#probeLater(context.silenceMs);
  }

  get connection(): Connection {
    return this.#context.connection;
  }

  get token(): string | undefined {
    return this.#context.token;
  }

  get usable(): boolean {
    return !this.#ended && this.connection.usable;
  }

  /** Begins a watch; the returned function ends it in silence. */
  add(
    range: KeyRange,
    startRevision: number,
    operation: string,
    handler: WatchHandler,
  ): () => void {
    if (this.#ended) {
      // Between the moment it was chosen and this one.
      handler.failed(this.#error("UNAVAILABLE", operation, "the stream has just ended"));
      return () => undefined;
    }
    this.#lastId += 1;
    const id = this.#lastId;
    const { clock, requestMs } = this.#context;
    const cancelTimer = clock.after(requestMs, () => this.#drop(id));
    this.#watches.set(id, { operation, handler, parts: [], isCreated: false, cancelTimer });
    this.#exchange.send(watchCreateRequest(range, startRevision, id));
    this.connection.expectWord();
    return () => void this.#take(id);
  }

  /** Takes a watch out, and tells the server. */
  #take(id: number): Watch | undefined {
    const watch = this.#watches.get(id);
    if (watch === undefined) return undefined;
    watch.cancelTimer();
    this.#watches.delete(id);
    if (this.#watches.size === 0) this.#close();
    else this.#exchange.send(watchCancelRequest(id));
    return watch;
  }

  #drop(id: number): void {
    const watch = this.#take(id);
    if (watch === undefined) return;
    const reason = `the server does not begin the watch within ${this.#context.requestMs} ms`;
    watch.handler.failed(this.#error("TIMEOUT", watch.operation, reason));
  }

  #received(bytes: Buffer): void {
    this.#heardAtMs = this.#context.clock.monotonicMs();
    let answer: WatchAnswer;
    try {
      answer = readWatch(bytes);
    } catch (cause) {
      this.#failAll("PROTOCOL", "an answer is no message of etcd's", cause);
      return;
    }
    const id = this.#idOf(answer);
    const watch = id === undefined ? undefined : this.#watches.get(id);
    // A sign of life, or the rest of a watch that was ended.
    if (id === undefined || watch === undefined) return;
    if (answer.canceled) {
      this.#take(id);
      watch.handler.failed(this.#refusal(watch, answer));
      return;
    }
    try {
      if (answer.created) {
        watch.isCreated = true;
        watch.cancelTimer();
        watch.handler.created(answer.header);
      }
      if (answer.events.length > 0 || watch.parts.length > 0) this.#pass(watch, answer);
    } catch (thrown) {
      this.#take(id);
      watch.handler.failed(this.#errorOf(watch, thrown));
    }
  }

  #pass(watch: Watch, { events, fragment }: WatchAnswer): void {
    if (fragment || watch.parts.length > 0) {
      for (const event of events) watch.parts.push(event);
      if (fragment) return;
      watch.handler.events(watch.parts.splice(0));
    } else {
      watch.handler.events(events);
    }
  }

  /** Servers that refuse a watch may leave out its id: they answer in the order they are asked. */
  #idOf({ watchId, created, canceled }: WatchAnswer): number | undefined {
    if (this.#watches.has(watchId)) return watchId;
    if (!(created && canceled)) return undefined;
    return [...this.#watches].find(([, watch]) => !watch.isCreated)?.[0];
  }

  #refusal(watch: Watch, { compactRevision, cancelReason }: WatchAnswer): DiscoveryError {
    if (compactRevision > 0) {
      const reason = `the revision is compacted, the first one left is ${compactRevision}`;
      return this.#error("UNAVAILABLE", watch.operation, reason);
    }
    const reason = `the server ended the watch${cancelReason === "" ? "" : `: ${cancelReason.slice(0, 200)}`}`;
    if (
      /invalid auth token|user name is empty|auth revision|auth store is old/i.test(cancelReason)
    ) {
      this.#context.onTokenRefused();
      return this.#error("UNAVAILABLE", watch.operation, reason);
    }
    const isAuth = /permission ?denied|unauthenticated/i.test(cancelReason);
    return this.#error(isAuth ? "AUTH" : "UNAVAILABLE", watch.operation, reason);
  }

  #probeLater(delayMs: number): () => void {
    return this.#context.clock.after(delayMs, () => {
      if (this.#ended) return;
      const { clock, silenceMs } = this.#context;
      const leftMs = this.#heardAtMs + silenceMs - clock.monotonicMs();
      if (leftMs <= 0) this.#probe();
      this.#cancelProbe = this.#probeLater(leftMs <= 0 ? silenceMs : leftMs);
    });
  }

  /** Whatever the answer is: that there is one tells that the connection lives. */
  #probe(): void {
    const { headers, silenceMs: timeoutMs } = this.#context;
    const limits = { timeoutMs, signal: this.#over.signal };
    this.connection.call(probe.method, probe.request, headers, limits).catch(() => undefined);
  }

  #fail(failure: RpcFailure | undefined): void {
    if (failure?.isAboutToken === true) this.#context.onTokenRefused();
    this.#end((watch) =>
      failure === undefined
        ? this.#error("UNAVAILABLE", watch.operation, "the server ended the stream")
        : this.#errorOf(watch, failure),
    );
  }

  #failAll(code: ErrorCode, reason: string, cause?: unknown): void {
    this.#exchange.cancel();
    this.#end((watch) => this.#error(code, watch.operation, reason, cause));
  }

  #close(): void {
    this.#exchange.cancel();
    this.#end();
  }

  #end(errorFor?: (watch: Watch) => DiscoveryError): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#over.abort();
    this.#cancelProbe();
    const watches = [...this.#watches.values()];
    this.#watches.clear();
    for (const watch of watches) {
      watch.cancelTimer();
      if (errorFor !== undefined) watch.handler.failed(errorFor(watch));
    }
  }

  #errorOf(watch: Watch, thrown: unknown): DiscoveryError {
    if (thrown instanceof DiscoveryError) return thrown;
    const where = { registry: this.#context.registry, operation: watch.operation };
    return thrown instanceof RpcFailure
      ? toDiscoveryError(thrown, where)
      : this.#error("PROTOCOL", watch.operation, "an event cannot be applied", thrown);
  }

  #error(code: ErrorCode, operation: string, reason: string, cause?: unknown): DiscoveryError {
    const { registry } = this.#context;
    return new DiscoveryError({ code, registry, operation, reason, cause });
  }
}

import { DiscoveryError } from "@rollcall/core";
import { createBackoff, holdProcess, jitteredInterval, sleep } from "@rollcall/core/adapter";

import type { Access } from "./access.ts";
import { fault } from "./fault.ts";
import { startingReason } from "./grpc-calls.ts";
import { GrpcSession } from "./grpc-session.ts";
import type { HttpApi } from "./http-api.ts";
import { HttpSession } from "./http-session.ts";
import type { ResolvedOptions } from "./options.ts";
import { Publications } from "./publications.ts";
import { Servers } from "./servers.ts";
import type { Session } from "./session.ts";

/** What a link works with. */
export interface LinkContext {
  readonly options: ResolvedOptions;
  readonly access: Access;
  readonly http: HttpApi;
  readonly namespace: string;
}

/** How long an unused connection is kept, in ms: who just read will often read again. */
const idleMs = 10_000;
/** Longest wait between two attempts to connect, in ms. */
const maxPauseMs = 5_000;

/**
 * Our standing with one namespace: connecting, in a session, waiting to connect again, or idle.
 *
 * While anybody holds it, a lost session is replaced by a new one: over gRPC from the next server that
 * answers; over HTTP when none does, until one does again. What was entered is entered anew in each session
 * before anybody else is told of it.
 */
export class Link {
  readonly publications: Publications = new Publications();
  readonly #context: LinkContext;
  readonly #servers: Servers;
  readonly #closing = new AbortController();
  #session: Session | undefined;
  /** Settles with the attempt under way, or with the next. */
  #attempt = attempt();
  #holders = 0;
  #cancelIdle: (() => void) | undefined;
  #running: Promise<void> | undefined;
  #idle = new AbortController();

  constructor(context: LinkContext) {
    this.#context = context;
    this.#servers = new Servers(context.options.servers, context.options.random);
  }

  /** Wants a session from now on; the returned function stops wanting it. */
  hold(): () => void {
    this.#holders += 1;
    this.#cancelIdle?.();
    this.#cancelIdle = undefined;
    this.#start();
    let held = true;
    return () => {
      if (!held) return;
      held = false;
      this.#holders -= 1;
      if (this.#holders > 0) return;
      this.#cancelIdle = this.#context.options.clock.after(idleMs, () => {
        this.#idle.abort(new Error("nobody needs it"));
      });
    };
  }

  /**
   * The session there is, or the outcome of the attempt under way. Only for holders.
   *
   * @throws {@link DiscoveryError} why the attempt failed; the signal's reason.
   */
  async session(signal: AbortSignal): Promise<Session> {
    signal.throwIfAborted();
    if (this.#closing.signal.aborted) throw this.#closing.signal.reason;
    if (this.#session !== undefined && !this.#session.ended.aborted) return this.#session;
    const aborted = Promise.withResolvers<never>();
    const abort = (): void => aborted.reject(signal.reason);
    signal.addEventListener("abort", abort, { once: true });
    const release = holdProcess();
    try {
      return await Promise.race([aborted.promise, this.#attempt.promise]);
    } finally {
      release();
      signal.removeEventListener("abort", abort);
    }
  }

  /** Ends it for good. */
  async close(reason: DiscoveryError): Promise<void> {
    this.#closing.abort(reason);
    this.#cancelIdle?.();
    this.#session?.close(reason);
    this.#attempt.reject(reason);
    await this.#running;
  }

  #start(): void {
    if (this.#running !== undefined || this.#closing.signal.aborted) return;
    this.#idle = new AbortController();
    const signal = AbortSignal.any([this.#closing.signal, this.#idle.signal]);
    this.#running = this.#run(signal).finally(() => {
      this.#running = undefined;
      // Somebody may have come while it wound down.
      if (this.#holders > 0) this.#start();
    });
  }

  async #run(signal: AbortSignal): Promise<void> {
    const { clock, random } = this.#context.options;
    const backoff = createBackoff({ capMs: maxPauseMs, random });
    while (!signal.aborted) {
      let healthyMs = 0;
      try {
        const session = await this.#connect(signal);
        const startedAtMs = clock.monotonicMs();
        await this.#enterInto(session);
        await this.#last(session, signal);
        healthyMs = clock.monotonicMs() - startedAtMs;
      } catch (thrown) {
        if (signal.aborted) break;
        const failed = this.#attempt;
        this.#attempt = attempt();
        failed.reject(thrown);
      }
      await sleep(backoff.failed(healthyMs), signal, clock).catch(() => undefined);
    }
    this.#session = undefined;
  }

  async #enterInto(session: Session): Promise<void> {
    await this.publications.restore(session);
    const waited = this.#attempt;
    this.#attempt = attempt();
    this.#session = session;
    waited.resolve(session);
  }

  /** Resolves at the end of the session, or of its successor over gRPC. */
  async #last(first: Session, signal: AbortSignal): Promise<void> {
    let session = first;
    for (;;) {
      const over = AbortSignal.any([session.ended, signal]);
      const better = session.kind === "http" ? await this.#better(over) : await ended(over);
      // A server that let us down, or wants us to move, is asked after the others.
      if (session instanceof GrpcSession && session.ended.aborted) {
        this.#servers.failed(session.server);
      }
      if (better === undefined) break;
      await this.#enterInto(better);
      await this.publications.clear(session, AbortSignal.any([better.ended, signal]));
      session.close(this.#moved());
      session = better;
    }
    session.close(this.#unused());
  }

  /** A session over gRPC, as soon as there is one; undefined when `over` fires first. */
  async #better(over: AbortSignal): Promise<Session | undefined> {
    const { protocol, grpcRetryMs, clock, random } = this.#context.options;
    if (protocol !== "auto") return ended(over);
    while (!over.aborted) {
      try {
        await sleep(jitteredInterval(grpcRetryMs, 0.1, random), over, clock);
        return await this.#connectGrpc(over);
      } catch {
        // Still not; HTTP goes on.
      }
    }
    return undefined;
  }

  async #connect(signal: AbortSignal): Promise<Session> {
    const { options, http, namespace } = this.#context;
    if (options.protocol !== "http") {
      try {
        return await this.#connectGrpc(signal);
      } catch (thrown) {
        signal.throwIfAborted();
        if (options.protocol === "grpc" || isStarting(thrown)) throw thrown;
        try {
          await http.probe(signal);
        } catch {
          signal.throwIfAborted();
          // Neither works, and gRPC is what should.
          throw thrown;
        }
      }
    }
    return new HttpSession(options, http, namespace);
  }

  async #connectGrpc(signal: AbortSignal): Promise<Session> {
    const errors: unknown[] = [];
    for (const server of this.#servers.order()) {
      try {
        const session = await GrpcSession.open({ ...this.#context, server }, signal);
        this.#servers.succeeded(server);
        return session;
      } catch (thrown) {
        signal.throwIfAborted();
        this.#servers.failed(server);
        errors.push(thrown);
      }
    }
    throw errors.find((one) => one instanceof DiscoveryError && one.retryable) ?? errors[0];
  }

  #moved(): DiscoveryError {
    const where = { registry: this.#context.options.name, operation: "stay with HTTP" };
    return fault("UNAVAILABLE", where, "a server can be reached over gRPC again");
  }

  #unused(): DiscoveryError {
    const where = { registry: this.#context.options.name, operation: "stay connected" };
    return fault("UNAVAILABLE", where, "nobody needs the connection");
  }
}

/** A server that speaks gRPC and is not ready yet will be, and soon. */
function isStarting(thrown: unknown): boolean {
  return thrown instanceof DiscoveryError && thrown.reason === startingReason;
}

function attempt(): PromiseWithResolvers<Session> {
  const made = Promise.withResolvers<Session>();
  // It may fail while nobody waits.
  made.promise.catch(() => undefined);
  return made;
}

function ended(over: AbortSignal): Promise<undefined> {
  return new Promise((resolve) => {
    if (over.aborted) resolve(undefined);
    else over.addEventListener("abort", () => resolve(undefined), { once: true });
  });
}

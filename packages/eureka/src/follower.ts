import type { Apps, AppsDocument } from "./apps.ts";
import type { EurekaClient } from "./client.ts";
import { applyDelta } from "./delta.ts";
import { isDoubtfulLoss } from "./loss.ts";
import type { ResolvedOptions } from "./options.ts";
import type { Server } from "./server-url.ts";

/** The registry as one server showed it, and what is needed to follow its changes. */
interface State {
  readonly apps: Apps;
  readonly server: Server;
  /** When the request was sent, on the monotonic clock: the answer is at least as new. */
  readonly askedAtMs: number;
  /** Of the newest delta; starts over when the server does. */
  readonly deltaVersion: number | undefined;
  /** The newest delta that is part of `apps`, byte for byte. */
  readonly deltaBody: Buffer | undefined;
}

/** What one look at the registry gave. */
export interface Look {
  readonly apps: Apps;
  /** Records of before, when so many of them are gone without a word that the server may be at fault. */
  readonly lostOf: number | undefined;
}

/**
 * Changes stay in a server's delta for 180 s, and what it serves may be cached for 30 s: after a longer gap
 * some may be missing even if the hash, which only counts, happens to agree.
 */
const deltaWindowMs = 150_000;

/**
 * A server may serve a delta that it began to write just before the newest change, until something else
 * changes or its cache expires after 180 s (seen with Netflix Eureka 2.0.5 after 1 of 10 bursts of changes).
 * So a burst is followed by reading everything, this many quiet polls later. It may have begun before we looked:
 * then the first delta says so.
 */
const quietPolls = 3;

/**
 * Keeps a copy of the whole registry up to date: deltas where possible; everything at the start, after any
 * failure, gap or mismatch, from another server, after changes, and now and then anyway.
 */
export class Follower {
  readonly #client: EurekaClient;
  readonly #options: ResolvedOptions;
  #state: State | undefined;
  #fullReadAtMs = 0;
  #noDeltaUntilMs = 0;
  /** Polls since the newest change that no full read has confirmed; undefined when there is none. */
  #quietFor: number | undefined;

  constructor(client: EurekaClient, options: ResolvedOptions) {
    this.#client = client;
    this.#options = options;
  }

  get apps(): Apps | undefined {
    return this.#state?.apps;
  }

  /** How old the copy may be at most, in ms. */
  get ageMs(): number {
    const { clock } = this.#options;
    return this.#state === undefined ? Infinity : clock.monotonicMs() - this.#state.askedAtMs;
  }

  /**
   * Brings the copy up to date. Leaves it as it was when it throws.
   *
   * @param isSound  Whether the last call succeeded: otherwise everything is read.
   */
  async look(isSound: boolean, signal: AbortSignal): Promise<Look> {
    const askedAtMs = this.#options.clock.monotonicMs();
    const before = this.#state;
    if (before === undefined || !isSound || !this.#options.delta) {
      return this.#lookAtAll({ askedAtMs, isSound }, signal);
    }
    if (!this.#mayUseDelta(before, askedAtMs)) {
      // The delta that is known is older than what is read now, so it stays known.
      const { deltaBody } = before;
      return this.#lookAtAll({ askedAtMs, isSound, deltaBody }, signal);
    }
    const delta = await this.#readDelta(before, signal);
    if (delta === "same") return this.#keep({ ...before, askedAtMs });
    const apps = delta === undefined ? undefined : applyDelta(before.apps, delta.document);
    if (delta === undefined || apps === undefined) {
      const startedOver = (delta?.document.version ?? Infinity) < (before.deltaVersion ?? 0);
      return this.#lookAtAll({ askedAtMs, isSound, startedOver }, signal);
    }
    const { body: deltaBody, document } = delta;
    const isMidBurst = before.deltaBody === undefined && document.apps.length > 0;
    const state = { ...before, apps, askedAtMs, deltaVersion: document.version, deltaBody };
    return this.#keep(state, isMidBurst);
  }

  #keep(state: State, isMidBurst = false): Look {
    if (state.apps !== this.#state?.apps || isMidBurst) this.#quietFor = 0;
    else if (this.#quietFor !== undefined) this.#quietFor += 1;
    this.#state = state;
    return { apps: state.apps, lostOf: undefined };
  }

  async #lookAtAll(
    how: {
      readonly askedAtMs: number;
      readonly isSound: boolean;
      readonly startedOver?: boolean;
      readonly deltaBody?: Buffer | undefined;
    },
    signal: AbortSignal,
  ): Promise<Look> {
    const { clock, fullReadEveryMs, random } = this.#options;
    const { server, apps } = await this.#client.readAll(signal);
    signal.throwIfAborted();
    const before = this.#state;
    const isSame = before?.server === server;
    this.#state = {
      apps,
      server,
      askedAtMs: how.askedAtMs,
      deltaVersion: isSame ? before.deltaVersion : undefined,
      deltaBody: isSame ? how.deltaBody : undefined,
    };
    this.#fullReadAtMs = clock.monotonicMs() + fullReadEveryMs * (2 / 3 + (2 / 3) * random());
    this.#quietFor = undefined;
    // After a failure watchers are in doubt already; a second reason adds nothing.
    const isDoubtful =
      how.isSound &&
      before !== undefined &&
      isDoubtfulLoss(before.apps, apps, how.startedOver ?? false);
    return { apps, lostOf: isDoubtful ? before.apps.size : undefined };
  }

  #mayUseDelta(before: State, nowMs: number): boolean {
    return (
      nowMs >= this.#noDeltaUntilMs &&
      nowMs < this.#fullReadAtMs &&
      nowMs - before.askedAtMs < deltaWindowMs &&
      (this.#quietFor ?? 0) < quietPolls &&
      before.apps.size > 0
    );
  }

  /** The delta of the state's server; `same` when it is known already, undefined when it is of no use. */
  async #readDelta(
    before: State,
    signal: AbortSignal,
  ): Promise<{ readonly body: Buffer; readonly document: AppsDocument } | "same" | undefined> {
    try {
      const delta = await this.#client.readDelta(before.server, before.deltaBody, signal);
      if (delta === undefined) {
        const { clock, fullReadEveryMs } = this.#options;
        this.#noDeltaUntilMs = clock.monotonicMs() + fullReadEveryMs;
      }
      return delta;
    } catch {
      // Another server, or the full registry of this one, may still answer.
      signal.throwIfAborted();
      return undefined;
    }
  }
}

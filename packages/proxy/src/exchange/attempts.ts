import { monotonicMs } from "../clock.ts";
import type { Attempt, AttemptOutcome, FailureReason, Forward, UpstreamNode } from "../contract.ts";
import { isForbidden } from "../node/dial.ts";
import type { NodeConnection } from "../node/node-connection.ts";
import type { NodeUser } from "../node/node-user.ts";
import type { NodePool, NodeWaiter } from "../node/node-pool.ts";
import type { TlsProfile } from "../node/tls-profile.ts";
import type { Deadline } from "./deadline.ts";
import type { EngineParts } from "./engine-parts.ts";

/** Why a request cannot go on as it is. */
export interface Failure {
  readonly reason: FailureReason;
  readonly detail: string;
}

/** Who wants a connection to a node. It hears of the connection as its user. */
export interface AttemptsUser extends NodeUser {
  /** There is none, and no further node to try. */
  unreached(failure: Failure): void;
}

const noNodes: readonly UpstreamNode[] = Object.freeze([]);

/** The tries of one request: which nodes, how many more, and how each comes by its connection. */
export class Attempts implements NodeWaiter {
  readonly #parts: EngineParts;
  readonly #forward: Forward;
  readonly #deadline: Deadline;
  readonly #isRepeatable: boolean;
  readonly #user: AttemptsUser;
  readonly #profile: TlsProfile;
  #further: number;
  #tried: UpstreamNode[] | undefined;
  /** When the first try began, on the monotonic clock. */
  #firstAtMs = 0;
  #current: Attempt | undefined;
  #currentSinceMs = 0;
  #pool: NodePool | undefined;
  #isQueued = false;
  /** Of the current try, once it has one; it may not stand yet. */
  connection: NodeConnection | undefined;
  /** Requests sent, or tried to be. */
  sent = 0;

  /**
   * @param isRepeatable  Whether it can be sent again when it is unclear whether it arrived.
   * @throws TypeError  When the forward's TLS cannot be used.
   */
  constructor(
    parts: EngineParts,
    forward: Forward,
    deadline: Deadline,
    isRepeatable: boolean,
    user: AttemptsUser,
  ) {
    this.#parts = parts;
    this.#forward = forward;
    this.#deadline = deadline;
    this.#isRepeatable = isRepeatable;
    this.#user = user;
    this.#profile = parts.pools.profile(forward.tls);
    this.#further = forward.retries;
  }

  get tried(): readonly UpstreamNode[] {
    return this.#tried ?? noNodes;
  }

  /** The node being tried. */
  get node(): UpstreamNode | undefined {
    return this.#current?.node;
  }

  /** Goes on to a node that was not tried yet, or gives up with the last failure. */
  next(last: Failure, nowMs: number = monotonicMs()): void {
    let failure = last;
    for (;;) {
      const node = this.#choose(nowMs);
      if (node === undefined) break;
      if (node === "failed") {
        failure = { reason: "route_failed", detail: "no node could be chosen" };
        break;
      }
      this.#pool = this.#parts.pools.of(node, this.#profile);
      // Where a connection stands the address was allowed.
      if (this.#pool.isEmpty && isForbidden(node, this.#parts.dialing)) {
        this.sent += 1;
        this.over("tcp_failure");
        failure = { reason: "connect_failed", detail: "the node's address is not allowed" };
        continue;
      }
      // In a loop: there may be more nodes that have no place than calls fit into each other.
      const refusal = this.#connect(true, nowMs);
      if (refusal === undefined) return;
      failure = refusal;
    }
    this.#user.unreached(failure);
  }

  /** The node closed an idle connection under the request: that says nothing about the node. */
  again(): void {
    this.#pool!.dropIdle();
    this.#goOn(false);
  }

  /** The node ends answers with their connection: further ones show who ended them. */
  watch(): void {
    this.#pool!.watch();
  }

  nodeFree(): void {
    this.#isQueued = false;
    this.#goOn(true);
  }

  /**
   * There is no connection in time.
   *
   * @param isTotal  Whether there is no time for another either.
   */
  late(isTotal: boolean): void {
    const wasQueued = this.#isQueued;
    const failure: Failure = wasQueued
      ? busy
      : { reason: "upstream_timeout", detail: "connect timed out" };
    this.drop();
    this.over(wasQueued ? "cancelled" : "timeout");
    if (isTotal) this.#user.unreached(failure);
    else this.next(failure);
  }

  /** The connection is of no further use, or not wanted any more. */
  drop(): void {
    const { connection } = this;
    this.connection = undefined;
    if (connection !== undefined) this.#pool!.drop(connection);
    else if (this.#isQueued) this.#pool!.leave(this);
    this.#isQueued = false;
  }

  /**
   * The connection may carry another request.
   *
   * @param keepMs  How long the node keeps it, in ms.
   */
  giveBack(nowMs: number, keepMs: number): void {
    const { connection } = this;
    this.connection = undefined;
    if (connection !== undefined) this.#pool!.giveBack(connection, nowMs, keepMs);
  }

  /** How the current try ended; told once. */
  over(outcome: AttemptOutcome, nowMs: number = monotonicMs()): void {
    const attempt = this.#current;
    this.#current = undefined;
    if (attempt === undefined) return;
    try {
      attempt.done(outcome, nowMs - this.#currentSinceMs);
    } catch (error) {
      this.#parts.errors.report(error, "done");
    }
  }

  /** Connects to the same node, or else goes on to another. */
  #goOn(mayReuse: boolean): void {
    const refusal = this.#connect(mayReuse);
    if (refusal !== undefined) this.next(refusal);
  }

  /** @returns why this node cannot be had, if so; its try is over then. */
  #connect(mayReuse: boolean, nowMs?: number): Failure | undefined {
    const pool = this.#pool!;
    const user = this.#user;
    const idle = mayReuse ? pool.reuse(user, this.#isRepeatable, this.#currentSinceMs) : undefined;
    if (idle !== undefined) {
      this.sent += 1;
      this.connection = idle;
      user.nodeConnected(nowMs);
      return undefined;
    }
    if (!pool.mayOpen()) return this.#queue(pool);
    this.sent += 1;
    this.#deadline.within(this.#forward.timeouts.connectMs, nowMs);
    try {
      this.connection = pool.open(user);
      return undefined;
    } catch (error) {
      // Nobody would know a port that is none before it is dialled.
      const { code = "unknown error" } = error as NodeJS.ErrnoException;
      this.over("tcp_failure");
      return { reason: "connect_failed", detail: code };
    }
  }

  #queue(pool: NodePool): Failure | undefined {
    this.#isQueued = pool.wait(this);
    if (this.#isQueued) {
      this.#deadline.within(this.#parts.limits.queueTimeoutMs);
      return undefined;
    }
    this.over("cancelled");
    return busy;
  }

  /**
   * Goes on to a node that was not tried yet.
   *
   * @returns `undefined` when there is none, or no further try is allowed; `failed` when `pick` threw, which
   *   must not end the process: this may be called from a socket's event.
   */
  #choose(nowMs: number): UpstreamNode | undefined | "failed" {
    const forward = this.#forward;
    const { retryTimeoutMs } = forward;
    if (this.#tried !== undefined) {
      if (this.#further <= 0) return undefined;
      if (retryTimeoutMs > 0 && nowMs - this.#firstAtMs > retryTimeoutMs) return undefined;
      this.#further -= 1;
    }
    let attempt: Attempt | undefined;
    try {
      attempt = forward.pick(this.tried);
      if (attempt !== undefined) checkAttempt(attempt);
    } catch (error) {
      this.#parts.errors.report(error, "pick");
      return "failed";
    }
    if (attempt === undefined) return undefined;
    // Nearly always the only one: an array that grew would take much more.
    if (this.#tried === undefined) {
      this.#tried = [attempt.node];
      this.#firstAtMs = nowMs;
    } else this.#tried.push(attempt.node);
    this.#current = attempt;
    this.#currentSinceMs = nowMs;
    return attempt.node;
  }
}

/** @throws TypeError  When it is none, such as a promise of one. */
function checkAttempt(attempt: Attempt): void {
  if (attempt.node !== undefined && typeof attempt.done === "function") return;
  throw new TypeError("pick must answer { node, done } or undefined");
}

const busy: Failure = {
  reason: "nodes_busy",
  detail: "every connection to the node is in use",
};

import { monotonicMs } from "../clock.ts";
import type { Completed, Forward, Reply, UpstreamNode } from "../contract.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import { failureStatus, sendable } from "../reply.ts";
import type { Failure } from "./attempts.ts";
import { Deadline } from "./deadline.ts";
import { decide, type Decided } from "./decision.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { ExchangeClient } from "./exchange-client.ts";
import { countHop, lastHopReply } from "./max-forwards.ts";
import { Forwarding } from "./forwarding.ts";
import type { ForwardingUser } from "./forwarding-user.ts";
import { RequestBody } from "./request-body.ts";
import { checkForward } from "./request-text.ts";

const noNodes: readonly UpstreamNode[] = Object.freeze([]);

/** One request and its answer, whoever gives it: where it goes, what the client is told, and how it ended. */
export class Exchange implements Decided, ForwardingUser {
  readonly parts: EngineParts;
  readonly client: ExchangeClient;
  readonly head: ReceivedHead;
  readonly startedAtMs: number;
  readonly body: RequestBody | undefined;
  readonly deadline: Deadline;
  #isOver = false;
  #forwarding: Forwarding | undefined;
  #context: unknown;
  /** Of an answer of our own. */
  #status = 0;

  constructor(parts: EngineParts, client: ExchangeClient, head: ReceivedHead, startedAtMs: number) {
    this.parts = parts;
    this.client = client;
    this.head = head;
    this.startedAtMs = startedAtMs;
    this.deadline = new Deadline(startedAtMs, parts.limits.totalTimeoutMs);
    this.body = head.hasBody ? new RequestBody(head, parts.newFraming(), parts.limits) : undefined;
  }

  /** When {@link late} is to be called, on the monotonic clock. */
  get deadlineMs(): number {
    return this.deadline.atMs;
  }

  /** Whether the client's body may be handed over. */
  get wantsBody(): boolean {
    return this.#forwarding?.wantsBody === true;
  }

  /** Whether the client has not sent all of it yet. */
  get hasBodyLeft(): boolean {
    return this.body !== undefined && !this.body.done;
  }

  start(): void {
    const { limits, forwarded } = this.parts;
    const { maxBodyBytes } = limits;
    if (maxBodyBytes > 0 && this.head.length > maxBodyBytes) {
      this.failed({ reason: "body_too_large", detail: "the body is too large" });
    } else if (forwarded.loops(this.head)) {
      this.failed({ reason: "loop_detected", detail: "the request has been here before" });
    } else {
      this.#decide();
    }
  }

  #decide(): void {
    const { head } = this;
    const hop = countHop(head);
    if (hop === "goes_on") decide(this.parts.route, head, this);
    else if (hop === "ends_here") this.#reply(lastHopReply(head), true);
    else this.failed({ reason: "bad_request", detail: "Max-Forwards is malformed" });
  }

  undecided(error: unknown): void {
    this.parts.errors.report(error, "route");
    this.#forwarding?.cancel("cancelled");
    this.failed({ reason: "route_failed", detail: "the request could not be routed" });
  }

  decided(decision: Forward | Reply, atOnce: boolean): void {
    if (this.#isOver) return;
    this.#context = decision.context;
    if (decision.kind === "reply") {
      this.#reply(sendable(decision), true);
      return;
    }
    checkForward(decision);
    this.#forwarding = new Forwarding(this, decision);
    // The time is known when the decision was there at once.
    this.#forwarding.start(atOnce ? this.startedAtMs : monotonicMs(), atOnce);
  }

  /** Sends what is there; returns the offset of what no longer belongs to the body. */
  takeBody(bytes: Buffer, from: number, to: number): number {
    return this.#forwarding!.takeBody(bytes, from, to);
  }

  /** Called when {@link deadlineMs} has passed. */
  late(nowMs: number): void {
    if (this.#forwarding !== undefined) this.#forwarding.late(this.deadline.isOver(nowMs));
    else this.failed({ reason: "upstream_timeout", detail: "no decision in time" });
  }

  /** The client is gone. */
  clientGone(): void {
    if (this.#isOver) return;
    this.#forwarding?.cancel("cancelled");
    this.#over(monotonicMs());
  }

  answered(keepAlive: boolean, nowMs: number): void {
    this.#over(nowMs);
    this.#leave(keepAlive, nowMs);
  }

  brokeOff(): void {
    this.#over(monotonicMs());
    this.client.reset();
  }

  tunnelOver(): void {
    this.#over(monotonicMs());
  }

  get mayKeepAlive(): boolean {
    const { body, head, client, parts } = this;
    const bodyEnds = body === undefined || body.mayBeDiscarded;
    return bodyEnds && !head.close && client.mayStay && !parts.isClosing();
  }

  failed({ reason, detail }: Failure): void {
    if (this.#isOver) return;
    const reply = this.parts.describe({
      reason,
      status: failureStatus[reason],
      detail,
      tried: this.#forwarding?.tried ?? noNodes,
      context: this.#context,
    });
    // The rest of such a body is not waited for.
    this.#reply(reply, reason !== "request_timeout" && reason !== "body_too_large");
  }

  #reply(reply: Reply, mayStay: boolean): void {
    const nowMs = monotonicMs();
    this.#status = reply.status;
    this.#over(nowMs);
    const keepAlive = mayStay && this.mayKeepAlive;
    this.client.reply(reply, this.head, keepAlive);
    this.#leave(keepAlive, nowMs);
  }

  /** The answer is out; the rest of the body, if it is not in yet, is nobody's. */
  #leave(keepAlive: boolean, nowMs: number): void {
    const { body } = this;
    if (keepAlive && body !== undefined && !body.done) this.client.discard(body);
    else this.client.finished(keepAlive, nowMs);
  }

  #over(nowMs: number): void {
    this.#isOver = true;
    this.deadline.lift();
    const { onCompleted, errors } = this.parts;
    if (onCompleted === undefined) return;
    const forwarding = this.#forwarding;
    const completed: Completed = {
      method: this.head.method,
      target: this.head.target,
      status: this.#status === 0 ? (forwarding?.status ?? 0) : this.#status,
      elapsedMs: nowMs - this.startedAtMs,
      attempts: forwarding?.sent ?? 0,
      node: forwarding?.answeredBy,
      remoteAddress: this.head.remoteAddress,
      context: this.#context,
    };
    try {
      onCompleted(completed);
    } catch (error) {
      errors.report(error, "onCompleted");
    }
  }
}

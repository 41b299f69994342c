import type { AttemptOutcome, FailureReason, Forward, Reply, UpstreamNode } from "../contract.ts";
import type { BodyFraming } from "../http1/body-framing.ts";
import { isIdempotent } from "../http1/methods.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import type { ResponseScan } from "../http1/response-scan.ts";
import { isForbidden } from "../node/dial.ts";
import type { NodeConnection, NodeLoss, NodeTunnel, NodeUser } from "../node/node-connection.ts";
import type { NodePool } from "../node/node-pool.ts";
import { failureStatus } from "../reply.ts";
import { Answer } from "./answer.ts";
import { Attempts } from "./attempts.ts";
import { Deadline } from "./deadline.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { ExchangeClient } from "./exchange-client.ts";
import { RequestBody } from "./request-body.ts";
import { requestText } from "./request-text.ts";
import { responseText } from "./response-text.ts";
import { Tunnel } from "./tunnel.ts";

const nothing = Buffer.alloc(0);

/** Why an exchange cannot go on as it is. */
interface Failure {
  readonly reason: FailureReason;
  readonly detail: string;
}

type Stage =
  | "routing" // until there is a decision
  | "connecting"
  | "waiting" // for the answer's head; the body may still be on its way
  | "answering"
  | "flushing" // all is said, but the client has not taken it
  | "discarding" // the answer was out before the body was in; the rest of that is nobody's
  | "tunnel"
  | "over";

/** One request and its answer: from the decision where it goes to the end of the answer. */
export class Exchange implements NodeUser {
  readonly #parts: EngineParts;
  readonly #client: ExchangeClient;
  readonly #head: ReceivedHead;
  readonly #startedAtMs: number;
  readonly #body: RequestBody | undefined;
  #stage: Stage = "routing";
  #forward: Forward | undefined;
  #attempts: Attempts | undefined;
  #context: unknown;
  #pool: NodePool | undefined;
  #node: NodeConnection | undefined;
  /** Requests sent, or tried to be. */
  #sent = 0;
  /** The protocol to switch to; empty: none. */
  #upgrade = "";
  #answer: Answer | undefined;
  #answeredBy: UpstreamNode | undefined;
  #status = 0;
  readonly #deadline: Deadline;

  constructor(parts: EngineParts, client: ExchangeClient, head: ReceivedHead, startedAtMs: number) {
    this.#parts = parts;
    this.#client = client;
    this.#head = head;
    this.#startedAtMs = startedAtMs;
    this.#deadline = new Deadline(startedAtMs, parts.limits.totalTimeoutMs);
    if (head.hasBody) this.#body = new RequestBody(head, parts.newFraming(), parts.limits);
  }

  /** When {@link late} is to be called, on the monotonic clock. */
  get deadlineMs(): number {
    return this.#deadline.atMs;
  }

  get #bodyDone(): boolean {
    return this.#body === undefined || this.#body.done;
  }

  /** Whether the client's body may be handed over. */
  get wantsBody(): boolean {
    if (this.#bodyDone) return false;
    if (this.#stage === "discarding") return true;
    return this.#node !== undefined && this.#stage !== "connecting";
  }

  start(): void {
    const { limits, forwarded, route } = this.#parts;
    if (this.#head.length > limits.maxBodyBytes) {
      this.#fail("body_too_large", this.#tooLarge);
      return;
    }
    if (forwarded.loops(this.#head)) {
      this.#fail("loop_detected", "the request has been here before");
      return;
    }
    try {
      const decision = route(this.#head);
      if (!("then" in decision)) {
        this.#decide(decision);
        return;
      }
      void this.#decideLater(decision);
    } catch {
      this.#fail("route_failed", "the request could not be routed");
    }
  }

  async #decideLater(decision: Promise<Forward | Reply>): Promise<void> {
    try {
      const made = await decision;
      if (this.#stage === "routing") this.#decide(made);
    } catch {
      this.#fail("route_failed", "the request could not be routed");
    }
  }

  #decide(decision: Forward | Reply): void {
    this.#context = decision.context;
    if (decision.kind === "reply") {
      this.#reply(decision);
      return;
    }
    this.#forward = decision;
    this.#attempts = new Attempts(decision, this.#startedAtMs);
    const { upgrade, hasBody } = this.#head;
    if (decision.upgrade === true && !hasBody && upgrade.toLowerCase() === "websocket") {
      this.#upgrade = upgrade;
    }
    this.#tryNext({ reason: "no_node", detail: "no node to send the request to" });
  }

  /** Goes on to a node that was not tried yet, or gives up with the last failure. */
  #tryNext(last: Failure): void {
    let failure = last;
    for (;;) {
      const node = this.#attempts!.next();
      if (node === "failed")
        failure = { reason: "route_failed", detail: "no node could be chosen" };
      if (node === "failed" || node === undefined) break;
      if (!isForbidden(node, this.#parts.dialing)) {
        this.#pool = this.#parts.pools.of(node);
        this.#connect(true);
        return;
      }
      this.#sent += 1;
      this.#attempts?.over("tcp_failure");
      failure = { reason: "connect_failed", detail: "the node's address is not allowed" };
    }
    this.#fail(failure.reason, failure.detail);
  }

  #connect(mayReuse: boolean): void {
    this.#sent += 1;
    const pool = this.#pool!;
    const isRepeatable = this.#body === undefined && isIdempotent(this.#head.method);
    const idle = mayReuse ? pool.reuse(this, isRepeatable, this.#attempts!.sinceMs) : undefined;
    if (idle !== undefined) {
      this.#node = idle;
      this.nodeConnected();
      return;
    }
    this.#stage = "connecting";
    this.#deadline.within(this.#forward!.timeouts.connectMs);
    this.#node = pool.open(this);
  }

  nodeConnected(): void {
    const node = this.#node!;
    const head = this.#head;
    const forwarded = this.#parts.forwarded.of(head);
    this.#stage = "waiting";
    const text = requestText(head, this.#forward!, this.#attempts!.node!, forwarded, this.#upgrade);
    this.#waitForAnswer();
    if (this.#body === undefined) {
      node.writeText(text);
      return;
    }
    this.#body.headTo(node, text, head.expectsContinue);
    this.#client.resumeReading();
  }

  /**
   * Sends what of the body is there, after the head if that is still to be sent.
   *
   * @returns the offset of what no longer belongs to the body.
   */
  takeBody(bytes: Buffer, from: number, to: number): number {
    const body = this.#body!;
    if (this.#stage === "discarding") {
      const next = body.discard(bytes, from, to);
      if (body.bad || body.done) this.#discarded(!body.bad);
      return next;
    }
    const node = this.#node!;
    const next = body.send(node, bytes, from, to);
    if (body.bad || body.tooLarge) {
      this.#refuseBody(body.bad);
    } else {
      if (this.#stage === "waiting") this.#waitForAnswer();
      if (!body.done && node.isFull) this.#client.pauseReading();
    }
    return next;
  }

  #refuseBody(isBad: boolean): void {
    // An answer is under way: another would be taken for a part of it.
    if (this.#stage !== "waiting") this.#breakOff("cancelled");
    else if (isBad) this.#fail("bad_request", "the chunked body is malformed");
    else this.#fail("body_too_large", this.#tooLarge);
  }

  get #tooLarge(): string {
    return `the body is larger than ${this.#parts.limits.maxBodyBytes} bytes`;
  }

  nodeDrained(): void {
    if (this.wantsBody) this.#client.resumeReading();
    if (this.#stage === "waiting") this.#waitForAnswer();
  }

  nodeInformed(scan: ResponseScan, bytes: Buffer): void {
    this.#waitForAnswer();
    const { expectsContinue, httpVersion } = this.#head;
    const travels = scan.status === 100 ? expectsContinue : scan.status === 103;
    if (!travels || httpVersion === "1.0") return;
    this.#client.write(responseText(scan, bytes, "none", false, ""), nothing, 0, 0, "");
  }

  nodeSwitched(scan: ResponseScan, bytes: Buffer): NodeTunnel | undefined {
    if (this.#upgrade === "" || scan.upgradeEnd === 0) return undefined;
    const protocol = bytes.toString("latin1", scan.upgradeStart, scan.upgradeEnd);
    if (protocol.toLowerCase() !== this.#upgrade.toLowerCase()) return undefined;
    this.#stage = "tunnel";
    this.#status = 101;
    this.#answeredBy = this.#attempts!.node;
    this.#deadline.lift();
    const connection = `Connection: Upgrade\r\nUpgrade: ${this.#upgrade}\r\n`;
    const text = responseText(scan, bytes, "none", false, connection);
    this.#client.write(text, nothing, 0, 0, "");
    const tunnel = new Tunnel(this.#client, this.#node!, () => this.#tunnelOver());
    this.#client.tunnel(tunnel);
    return tunnel;
  }

  #tunnelOver(): void {
    this.#dropNode();
    this.#attempts!.over("ok");
    this.#over();
  }

  nodeAnswered(scan: ResponseScan, bytes: Buffer, framing: BodyFraming): void {
    this.#stage = "answering";
    this.#status = scan.status;
    this.#answeredBy = this.#attempts!.node;
    this.#answer = new Answer(scan, bytes, framing, this.#head, this.#mayKeepAlive);
  }

  nodeBody(bytes: Buffer, from: number, to: number, framing: BodyFraming): void {
    const answer = this.#answer!;
    if (this.#stage !== "answering") {
      // Bytes after the end: the connection cannot be trusted with another request.
      answer.reusable = false;
      return;
    }
    const client = this.#client;
    answer.send(client, bytes, from, to, framing);
    if (framing.bad) {
      this.#breakOff("tcp_failure");
    } else if (framing.done) {
      answer.reusable &&= framing.next === to && this.#bodyDone;
      this.#answered();
    } else {
      this.#deadline.within(this.#forward!.timeouts.readMs);
      if (client.pendingBytes === 0) return;
      const node = this.#node;
      this.#waitForClient(() => {
        if (this.#stage === "answering") this.#deadline.within(this.#forward!.timeouts.readMs);
        if (this.#node === node) node?.resume();
      });
    }
  }

  #answered(): void {
    if (this.#client.pendingBytes === 0) {
      this.#finish();
      return;
    }
    this.#stage = "flushing";
    this.#waitForClient(() => {
      if (this.#stage === "flushing") this.#finish();
    });
  }

  /** The node is not read while the client has not taken what came: its buffer is still in use. */
  #waitForClient(then: () => void): void {
    this.#node?.pause();
    this.#deadline.within(this.#parts.limits.clientSendTimeoutMs);
    this.#client.whenFlushed(then);
  }

  #finish(): void {
    const nowMs = performance.now();
    const answer = this.#answer!;
    const node = this.#node;
    this.#node = undefined;
    if (node !== undefined) {
      node.resume();
      if (answer.reusable) this.#pool!.giveBack(node, nowMs, answer.keepMs);
      else this.#pool!.drop(node);
    }
    this.#attempts!.over(this.#status >= 500 ? "http_failure" : "ok", nowMs);
    this.#over(nowMs);
    this.#leave(answer.keepAlive);
  }

  nodeLost(loss: NodeLoss): void {
    const node = this.#node;
    this.#dropNode();
    switch (this.#stage) {
      case "connecting":
        this.#attempts!.over("tcp_failure");
        this.#tryNext({ reason: "connect_failed", detail: loss.detail });
        return;
      case "waiting":
        this.#lostWhileWaiting(loss, node?.reused === true);
        return;
      case "answering":
        this.#breakOff("tcp_failure");
        return;
      case "routing":
      case "flushing":
      case "discarding":
      case "tunnel":
      case "over":
    }
  }

  #lostWhileWaiting(loss: NodeLoss, wasReused: boolean): void {
    const mayBeAskedAgain = this.#body?.begun !== true && isIdempotent(this.#head.method);
    const untouched = !loss.asked || (!loss.heard && mayBeAskedAgain);
    if (untouched && wasReused) {
      // The node closed a connection that was idle: that says nothing about the node.
      this.#pool!.dropIdle();
      this.#connect(false);
      return;
    }
    this.#attempts!.over("tcp_failure");
    const failure: Failure = { reason: "upstream_broke", detail: loss.detail };
    if (untouched) this.#tryNext(failure);
    else this.#fail(failure.reason, failure.detail);
  }

  /** The answer ends before its end. */
  #breakOff(outcome: AttemptOutcome): void {
    this.#dropNode();
    this.#attempts?.over(outcome);
    this.#over();
    this.#client.reset();
  }

  /** The client is gone. */
  clientGone(): void {
    if (this.#stage === "over" || this.#stage === "discarding") return;
    this.#dropNode();
    this.#attempts?.over("cancelled");
    this.#over();
  }

  /** Called when {@link deadlineMs} has passed. */
  late(nowMs: number): void {
    const isTotal = this.#deadline.isOver(nowMs);
    switch (this.#stage) {
      case "routing":
        this.#fail("upstream_timeout", "no decision in time");
        return;
      case "connecting": {
        this.#dropNode();
        this.#attempts!.over("timeout");
        const failure: Failure = { reason: "upstream_timeout", detail: "connect timed out" };
        if (isTotal) this.#fail(failure.reason, failure.detail);
        else this.#tryNext(failure);
        return;
      }
      case "waiting":
        this.#lateAnswer(isTotal);
        return;
      case "answering":
      case "flushing":
        this.#breakOff(this.#client.pendingBytes > 0 ? "cancelled" : "timeout");
        return;
      case "discarding":
        this.#discarded(false);
        return;
      case "tunnel":
      case "over":
    }
  }

  #lateAnswer(isTotal: boolean): void {
    const clientIsSlow = !this.#bodyDone && this.#node?.isFull !== true && !isTotal;
    this.#dropNode();
    this.#attempts!.over(clientIsSlow ? "cancelled" : "timeout");
    if (clientIsSlow) this.#fail("request_timeout", "the body took too long");
    else this.#fail("upstream_timeout", "no answer in time");
  }

  #dropNode(): void {
    const node = this.#node;
    this.#node = undefined;
    if (node !== undefined) this.#pool!.drop(node);
  }

  #waitForAnswer(): void {
    const { timeouts } = this.#forward!;
    if (this.#bodyDone) this.#deadline.within(timeouts.readMs);
    else if (this.#node?.isFull === true) this.#deadline.within(timeouts.sendMs);
    else this.#deadline.within(this.#parts.limits.bodyTimeoutMs);
  }

  /** Whether nothing but the answer itself forbids to keep the client's connection. */
  get #mayKeepAlive(): boolean {
    const body = this.#body;
    const bodyEnds = body === undefined || body.mayBeDiscarded;
    return bodyEnds && !this.#head.close && this.#client.mayStay && !this.#parts.isClosing();
  }

  #fail(reason: FailureReason, detail: string): void {
    if (this.#stage === "over" || this.#stage === "discarding") return;
    this.#dropNode();
    this.#attempts?.over("cancelled");
    this.#reply(
      this.#parts.describe({
        reason,
        status: failureStatus[reason],
        detail,
        tried: this.#attempts?.tried ?? [],
        context: this.#context,
      }),
      // The rest of such a body is not waited for.
      reason !== "request_timeout" && reason !== "body_too_large",
    );
  }

  #reply(reply: Reply, mayStay = true): void {
    this.#status = reply.status;
    this.#over();
    const keepAlive = mayStay && this.#mayKeepAlive;
    this.#client.reply(reply, this.#head, keepAlive);
    this.#leave(keepAlive);
  }

  /** The answer is out: the connection goes on with the next request, once the rest of this one is in. */
  #leave(keepAlive: boolean): void {
    if (!keepAlive || this.#bodyDone) {
      this.#client.finished(keepAlive);
      return;
    }
    this.#stage = "discarding";
    this.#deadline.within(this.#parts.limits.discardMs);
    this.#client.resumeReading();
  }

  #discarded(keepAlive: boolean): void {
    this.#stage = "over";
    this.#deadline.lift();
    this.#client.finished(keepAlive);
  }

  #over(nowMs: number = performance.now()): void {
    this.#stage = "over";
    this.#deadline.lift();
    const { onCompleted } = this.#parts;
    if (onCompleted === undefined) return;
    onCompleted({
      method: this.#head.method,
      target: this.#head.target,
      status: this.#status,
      elapsedMs: nowMs - this.#startedAtMs,
      attempts: this.#sent,
      node: this.#answeredBy,
      remoteAddress: this.#head.remoteAddress,
      context: this.#context,
    });
  }
}

import type { AttemptOutcome, FailureReason, Forward, Reply, UpstreamNode } from "../contract.ts";
import type { BodyFraming } from "../http1/body-framing.ts";
import { isIdempotent } from "../http1/methods.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import type { ResponseScan } from "../http1/response-scan.ts";
import { isForbidden } from "../node/dial.ts";
import type { NodeConnection, NodeLoss, NodeTunnel, NodeUser } from "../node/node-connection.ts";
import type { NodePool, NodeWaiter } from "../node/node-pool.ts";
import { failureStatus } from "../reply.ts";
import { Answer } from "./answer.ts";
import { Attempts } from "./attempts.ts";
import { Deadline } from "./deadline.ts";
import { decide, type Decided } from "./decision.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { ExchangeClient } from "./exchange-client.ts";
import { RequestBody } from "./request-body.ts";
import { requestText } from "./request-text.ts";
import { responseText } from "./response-text.ts";
import { Tunnel } from "./tunnel.ts";

/** Why an exchange cannot go on as it is. */
interface Failure {
  readonly reason: FailureReason;
  readonly detail: string;
}

type Stage =
  | "routing" // until there is a decision
  | "queued" // until a connection to the node is free
  | "connecting"
  | "waiting" // for the answer's head; the body may still be on its way
  | "answering"
  | "flushing" // all is said, but the client has not taken it
  | "tunnel"
  | "over";

/** One request and its answer: from the decision where it goes to the end of the answer. */
export class Exchange implements Decided, NodeUser, NodeWaiter {
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
    return !this.#bodyDone && this.#node !== undefined && this.#stage !== "connecting";
  }

  start(): void {
    const { limits, forwarded, route } = this.#parts;
    if (this.#head.length > limits.maxBodyBytes) {
      this.#fail("body_too_large", "the body is too large");
      return;
    }
    if (forwarded.loops(this.#head)) {
      this.#fail("loop_detected", "the request has been here before");
      return;
    }
    decide(route, this.#head, this);
  }

  undecided(): void {
    this.#fail("route_failed", "the request could not be routed");
  }

  decided(decision: Forward | Reply): void {
    if (this.#stage !== "routing") return;
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
      if (node === undefined) break;
      if (node === "failed") {
        this.#fail("route_failed", "no node could be chosen");
        return;
      }
      this.#pool = this.#parts.pools.of(node);
      // Where a connection stands the address was allowed.
      if (!this.#pool.isEmpty || !isForbidden(node, this.#parts.dialing)) {
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
    const pool = this.#pool!;
    const isRepeatable = this.#body === undefined && isIdempotent(this.#head.method);
    const idle = mayReuse ? pool.reuse(this, isRepeatable, this.#attempts!.sinceMs) : undefined;
    if (idle !== undefined) {
      this.#sent += 1;
      this.#node = idle;
      this.nodeConnected();
      return;
    }
    if (!pool.mayOpen()) {
      this.#stage = "queued";
      this.#deadline.within(this.#parts.limits.queueTimeoutMs);
      if (!pool.wait(this)) this.#busy();
      return;
    }
    this.#sent += 1;
    this.#stage = "connecting";
    this.#deadline.within(this.#forward!.timeouts.connectMs);
    this.#node = pool.open(this);
  }

  nodeFree(): void {
    this.#connect(true);
  }

  #busy(): void {
    this.#pool!.leave(this);
    this.#attempts!.over("cancelled");
    this.#tryNext({ reason: "nodes_busy", detail: "every connection to the node is in use" });
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
    const node = this.#node!;
    const next = body.send(node, bytes, from, to);
    if (body.bad || body.tooLarge) this.#refuseBody(body.bad);
    else if (this.#stage === "waiting") this.#waitForAnswer();
    if (this.#node !== undefined && !body.done && node.isFull) this.#client.pauseReading();
    return next;
  }

  #refuseBody(isBad: boolean): void {
    // An answer is under way: another would be taken for a part of it.
    if (this.#stage !== "waiting") this.#breakOff("cancelled");
    else if (isBad) this.#fail("bad_request", "the chunked body is malformed");
    else this.#fail("body_too_large", "the body is too large");
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
    this.#client.writeText(responseText(scan, bytes, "none", false, ""));
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
    this.#client.writeText(text);
    const tunnel = new Tunnel(this.#client, this.#node!, () => this.#end("ok"));
    this.#client.tunnel(tunnel);
    return tunnel;
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
      case "queued":
      case "flushing":
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
    this.#end(outcome);
    this.#client.reset();
  }

  /** The client is gone. */
  clientGone(): void {
    if (this.#stage === "over") return;
    if (this.#stage === "queued") this.#pool!.leave(this);
    this.#end("cancelled");
  }

  /** Called when {@link deadlineMs} has passed. */
  late(nowMs: number): void {
    const isTotal = this.#deadline.isOver(nowMs);
    switch (this.#stage) {
      case "routing":
        this.#fail("upstream_timeout", "no decision in time");
        return;
      case "queued":
        this.#busy();
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

  /** Nothing of it goes on. */
  #end(outcome: AttemptOutcome): void {
    this.#dropNode();
    this.#attempts?.over(outcome);
    this.#over();
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
    if (this.#stage === "over") return;
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

  /** The answer is out; the rest of the body, if it is not in yet, is nobody's. */
  #leave(keepAlive: boolean): void {
    if (keepAlive && !this.#bodyDone) this.#client.discard(this.#body!);
    else this.#client.finished(keepAlive);
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

import type {
  Attempt,
  AttemptOutcome,
  FailureReason,
  Forward,
  Reply,
  UpstreamNode,
} from "../contract.ts";
import type { BodyFraming } from "../http1/body-framing.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import type { ResponseScan } from "../http1/response-scan.ts";
import { isForbidden } from "../node/dial.ts";
import type { NodeConnection, NodeLoss, NodeUser } from "../node/node-connection.ts";
import type { NodePool } from "../node/node-pool.ts";
import { failureStatus } from "../reply.ts";
import type { EngineParts } from "./engine-parts.ts";
import { requestText } from "./request-text.ts";
import { type ClientFraming, responseText } from "./response-text.ts";

/** The client's side of an exchange. */
export interface ExchangeClient {
  /** Bytes that have not left yet. */
  readonly pendingBytes: number;
  /** Writes a head and a piece of a body as one; the bytes are free again when nothing is pending. */
  write(text: string, bytes: Buffer, from: number, to: number, tail: string): void;
  /** Calls back once nothing is pending. */
  whenFlushed(callback: () => void): void;
  /** Asks for the body, or for more of a tunnel's bytes. */
  resumeReading(): void;
  pauseReading(): void;
  /** Whether the connection may be used for a further request. */
  readonly mayStay: boolean;
  /** Sends a whole answer. */
  reply(reply: Reply, head: ReceivedHead, keepAlive: boolean): void;
  /** The exchange is over; its answer was sent whole. */
  finished(keepAlive: boolean): void;
  /** The answer broke off: the client must not take it for whole. */
  reset(): void;
  /** From here on bytes go both ways as they are. */
  tunnel(): void;
  /** The node has said all it will say in a tunnel. */
  endTunnel(): void;
}

/** Methods that may be sent again when it is unclear whether they arrived. RFC 9110 §9.2.2. */
const idempotent: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

/** Larger pieces are written beside the head, smaller ones are copied behind it: one system call either way. */
const copyBytes = 8_192;

/**
 * How long an idle connection may have been idle to carry a request that must not be sent twice, in ms. Nodes
 * close idle connections after seconds, and such a request cannot be repeated when it meets the closing.
 */
const freshMs = 1_000;

const noNodes: readonly UpstreamNode[] = Object.freeze([]);

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
  readonly #body: BodyFraming | undefined;
  #stage: Stage = "routing";
  #forward: Forward | undefined;
  #context: unknown;
  #attempt: Attempt | undefined;
  #attemptStartedAtMs = 0;
  #tried: UpstreamNode[] | undefined;
  #furtherNodes = 0;
  #attempts = 0;
  #pool: NodePool | undefined;
  #node: NodeConnection | undefined;
  /** Head that waits for the first piece of the body, to leave with it. */
  #pendingHead = "";
  #bodyBegun = false;
  #bodyDone: boolean;
  #bodyBytes = 0;
  /** Whether where the body ends is unknown. */
  #badBody = false;
  #upgrade = "";
  /** Answer's head that waits for the first piece of its body. */
  #answerHead = "";
  #status = 0;
  #answeredBy: UpstreamNode | undefined;
  #dechunks = false;
  #keepAlive = false;
  #reusable = false;
  #keepMs = 0;
  /** When something must have happened, on the monotonic clock. */
  deadlineMs: number = Infinity;

  constructor(parts: EngineParts, client: ExchangeClient, head: ReceivedHead, startedAtMs: number) {
    this.#parts = parts;
    this.#client = client;
    this.#head = head;
    this.#startedAtMs = startedAtMs;
    this.#bodyDone = !head.hasBody;
    if (head.hasBody) {
      this.#body = parts.newFraming();
      if (head.chunked) this.#body.chunked();
      else this.#body.length(head.length);
    }
  }

  /** Whether the client's body may be handed over. */
  get wantsBody(): boolean {
    if (this.#bodyDone) return false;
    if (this.#stage === "discarding") return true;
    return this.#node !== undefined && this.#stage !== "connecting";
  }

  get bodyDone(): boolean {
    return this.#bodyDone;
  }

  start(): void {
    const { limits, forwarded, route } = this.#parts;
    if (this.#head.length > limits.maxBodyBytes) {
      this.#fail("body_too_large", `the body is larger than ${limits.maxBodyBytes} bytes`);
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
      if (limits.totalTimeoutMs > 0) this.deadlineMs = this.#startedAtMs + limits.totalTimeoutMs;
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
    this.#furtherNodes = decision.retries;
    const { upgrade, hasBody } = this.#head;
    if (decision.upgrade === true && !hasBody && upgrade.toLowerCase() === "websocket") {
      this.#upgrade = upgrade;
    }
    this.#tryNext(undefined);
  }

  /** Goes on to a node that was not tried yet, or gives up with the last failure. */
  #tryNext(last: { readonly reason: FailureReason; readonly detail: string } | undefined): void {
    const forward = this.#forward!;
    let failure = last;
    for (;;) {
      if (failure !== undefined) {
        const late =
          forward.retryTimeoutMs > 0 &&
          performance.now() - this.#startedAtMs > forward.retryTimeoutMs;
        if (late || this.#furtherNodes <= 0) break;
        this.#furtherNodes -= 1;
      }
      const attempt = this.#pick(forward);
      if (attempt === "failed") return;
      if (attempt === undefined) break;
      (this.#tried ??= []).push(attempt.node);
      this.#attempt = attempt;
      this.#attemptStartedAtMs = performance.now();
      if (!isForbidden(attempt.node, this.#parts.dialing)) {
        this.#pool = this.#parts.pools.of(attempt.node);
        this.#connect(true);
        return;
      }
      this.#attempts += 1;
      this.#attemptOver("tcp_failure");
      failure = { reason: "connect_failed", detail: "the node's address is not allowed" };
    }
    if (failure === undefined) this.#fail("no_node", "no node to send the request to");
    else this.#fail(failure.reason, failure.detail);
  }

  /** A pick that throws must not end the process: it may be called from a socket's event. */
  #pick(forward: Forward): Attempt | undefined | "failed" {
    try {
      return forward.pick(this.#tried ?? noNodes);
    } catch {
      this.#fail("route_failed", "no node could be chosen");
      return "failed";
    }
  }

  #connect(mayReuse: boolean): void {
    this.#attempts += 1;
    const pool = this.#pool!;
    const nowMs = this.#attemptStartedAtMs;
    const sinceMs = this.#isRepeatable ? -Infinity : nowMs - freshMs;
    const idle = mayReuse ? pool.reuse(this, sinceMs) : undefined;
    if (idle !== undefined) {
      this.#node = idle;
      this.nodeConnected();
      return;
    }
    this.#stage = "connecting";
    this.#wait(this.#forward!.timeouts.connectMs);
    this.#node = pool.open(this);
  }

  nodeConnected(): void {
    const node = this.#node!;
    const head = this.#head;
    const forward = this.#forward!;
    this.#stage = "waiting";
    const forwarded = this.#parts.forwarded.of(head);
    const text = requestText(head, forward, this.#attempt!.node, forwarded, this.#upgrade);
    this.#waitForAnswer();
    if (this.#bodyDone) {
      node.writeText(text);
      return;
    }
    this.#pendingHead = text;
    if (head.expectsContinue) this.#sendHead();
    this.#client.resumeReading();
  }

  #sendHead(): void {
    const text = this.#pendingHead;
    this.#pendingHead = "";
    if (text !== "") this.#node?.writeText(text);
  }

  /**
   * Sends what of the body is there, after the head if that is still to be sent.
   *
   * @returns the offset of what no longer belongs to the body.
   */
  takeBody(bytes: Buffer, from: number, to: number): number {
    const body = this.#body!;
    body.take(bytes, from, to);
    if (this.#stage === "discarding") return this.#discard(body, to);
    const node = this.#node!;
    if (body.bad) {
      this.#badBody = true;
      this.#fail("bad_request", "the chunked body is malformed");
      return to;
    }
    const end = body.passEnd;
    this.#bodyBytes += end - from;
    if (this.#bodyBytes > this.#parts.limits.maxBodyBytes && this.#head.chunked) {
      this.#fail(
        "body_too_large",
        `the body is larger than ${this.#parts.limits.maxBodyBytes} bytes`,
      );
      return to;
    }
    if (end > from) this.#bodyBegun = true;
    const text = this.#pendingHead;
    this.#pendingHead = "";
    if (end - from <= copyBytes) {
      const piece = end === from ? text : text + bytes.toString("latin1", from, end);
      if (piece !== "" || body.tail !== "") node.writeText(piece + body.tail);
    } else {
      // The buffer is shared by all clients: what the kernel does not take at once must be ours.
      node.writeBoth(text, Buffer.from(bytes.subarray(from, end)));
      if (body.tail !== "") node.writeText(body.tail);
    }
    this.#bodyDone = body.done;
    if (this.#stage === "waiting") this.#waitForAnswer();
    if (!this.#bodyDone && node.isFull) this.#client.pauseReading();
    return body.next;
  }

  #discard(body: BodyFraming, to: number): number {
    if (body.bad) {
      this.#stage = "over";
      this.#client.finished(false);
      return to;
    }
    if (body.done) {
      this.#bodyDone = true;
      this.#stage = "over";
      this.deadlineMs = Infinity;
      this.#client.finished(true);
    }
    return body.next;
  }

  /**
   * Whether the rest of the body may be waited for and thrown away. Not when the client may never send it: one
   * that asked for 100 and got the answer instead.
   */
  get #mayDiscard(): boolean {
    return this.#bodyDone || this.#bodyBegun || !this.#head.expectsContinue;
  }

  /** The answer is out: the connection goes on with the next request, once this one is in. */
  #leave(keepAlive: boolean): void {
    if (!keepAlive || this.#bodyDone) {
      this.#client.finished(keepAlive);
      return;
    }
    this.#stage = "discarding";
    this.deadlineMs = performance.now() + this.#parts.limits.discardMs;
    this.#client.resumeReading();
  }

  nodeDrained(): void {
    if (this.#stage === "tunnel" || this.wantsBody) this.#client.resumeReading();
    if (this.#stage === "waiting") this.#waitForAnswer();
  }

  nodeInformed(scan: ResponseScan, bytes: Buffer): void {
    this.#waitForAnswer();
    const head = this.#head;
    const forwards = scan.status === 100 ? head.expectsContinue : scan.status === 103;
    if (!forwards || head.httpVersion === "1.0") return;
    this.#client.write(responseText(scan, bytes, "none", false, ""), nothing, 0, 0, "");
  }

  nodeSwitched(scan: ResponseScan, bytes: Buffer): boolean {
    const protocol = bytes.toString("latin1", scan.upgradeStart, scan.upgradeEnd);
    const agreed = scan.upgradeEnd !== 0 && protocol.toLowerCase() === this.#upgrade.toLowerCase();
    if (!agreed) return false;
    this.#stage = "tunnel";
    this.#status = 101;
    this.#answeredBy = this.#attempt?.node;
    this.deadlineMs = Infinity;
    const connection = `Connection: Upgrade\r\nUpgrade: ${this.#upgrade}\r\n`;
    this.#client.write(responseText(scan, bytes, "none", false, connection), nothing, 0, 0, "");
    this.#client.tunnel();
    return true;
  }

  nodeAnswered(scan: ResponseScan, bytes: Buffer, framing: BodyFraming): void {
    const { status } = scan;
    const head = this.#head;
    this.#stage = "answering";
    this.#status = status;
    this.#answeredBy = this.#attempt?.node;
    this.#reusable = !scan.close;
    this.#keepMs = scan.keepAliveS === -1 ? Infinity : scan.keepAliveS * 1_000 - 500;
    const told = this.#frame(scan, framing);
    this.#keepAlive =
      !head.close &&
      this.#mayDiscard &&
      !framing.isUntilClose &&
      told !== "until_close" &&
      this.#client.mayStay &&
      !this.#parts.isClosing();
    let connection = "";
    if (!this.#keepAlive) connection = "Connection: close\r\n";
    else if (head.httpVersion === "1.0") connection = "Connection: keep-alive\r\n";
    this.#answerHead = responseText(scan, bytes, told, !framing.done, connection);
  }

  /** How the body is read, and what the client is told of it. RFC 9112 §6.3. */
  #frame(scan: ResponseScan, framing: BodyFraming): ClientFraming {
    const { status, chunked, length } = scan;
    if (status === 204 || status === 304 || this.#head.method === "HEAD") {
      framing.none();
      if (status === 204) return "none";
      if (chunked && this.#head.httpVersion === "1.1") return "chunked";
      return length === -1 ? "none" : "length";
    }
    if (chunked) {
      framing.chunked();
      this.#dechunks = this.#head.httpVersion === "1.0";
      return this.#dechunks ? "until_close" : "chunked";
    }
    if (length !== -1) {
      framing.length(length);
      return "length";
    }
    framing.untilClose();
    return "until_close";
  }

  nodeBody(bytes: Buffer, from: number, to: number, framing: BodyFraming): void {
    if (this.#stage !== "answering") {
      // Bytes after the end: the connection cannot be trusted with another request.
      this.#reusable = false;
      return;
    }
    const client = this.#client;
    const head = this.#answerHead;
    this.#answerHead = "";
    if (this.#dechunks) {
      let text = head;
      framing.take(bytes, from, to, (start, end) => {
        client.write(text, bytes, start, end, "");
        text = "";
      });
      if (text !== "") client.write(text, nothing, 0, 0, "");
    } else {
      framing.take(bytes, from, to);
      const { passEnd, tail } = framing;
      if (passEnd > from || head !== "" || tail !== "") {
        client.write(head, bytes, from, passEnd, tail);
      }
    }
    if (framing.bad) {
      this.#breakOff("tcp_failure");
    } else if (framing.done) {
      this.#reusable &&= framing.next === to && this.#bodyDone;
      this.#answered();
    } else {
      this.#wait(this.#forward!.timeouts.readMs);
      if (client.pendingBytes > 0) this.#waitForClient();
    }
  }

  /** The node is not read while the client has not taken what came: its buffer is still in use. */
  #waitForClient(): void {
    const node = this.#node;
    node?.pause();
    this.#wait(this.#parts.limits.clientSendTimeoutMs);
    this.#client.whenFlushed(() => {
      if (this.#stage === "answering") this.#wait(this.#forward!.timeouts.readMs);
      if (this.#node === node) node?.resume();
    });
  }

  #answered(): void {
    if (this.#client.pendingBytes === 0) {
      this.#finish();
      return;
    }
    this.#stage = "flushing";
    this.#node?.pause();
    this.#wait(this.#parts.limits.clientSendTimeoutMs);
    this.#client.whenFlushed(() => {
      if (this.#stage === "flushing") this.#finish();
    });
  }

  #finish(): void {
    const nowMs = performance.now();
    const node = this.#node;
    this.#node = undefined;
    if (node !== undefined) {
      if (this.#reusable) this.#pool!.giveBack(node, nowMs, this.#keepMs);
      else this.#pool!.drop(node);
      node.resume();
    }
    this.#attemptOver(this.#status >= 500 ? "http_failure" : "ok", nowMs);
    this.#over(nowMs);
    this.#leave(this.#keepAlive);
  }

  nodeTunnel(bytes: Buffer, from: number, to: number): void {
    this.#client.write("", bytes, from, to, "");
    if (this.#client.pendingBytes === 0) return;
    const node = this.#node;
    node?.pause();
    this.#client.whenFlushed(() => node?.resume());
  }

  /** Bytes of the client in a tunnel. */
  takeTunnel(bytes: Buffer, length: number): void {
    const node = this.#node;
    node?.writeBytes(Buffer.from(bytes.subarray(0, length)));
    if (node?.isFull === true) this.#client.pauseReading();
  }

  nodeEnded(): void {
    this.#client.endTunnel();
  }

  /** The client has said all it will say in a tunnel. */
  clientEnded(): void {
    this.#node?.endTunnel();
  }

  nodeLost(loss: NodeLoss): void {
    const node = this.#node;
    this.#node = undefined;
    if (node !== undefined) this.#pool!.drop(node);
    switch (this.#stage) {
      case "connecting":
        this.#attemptOver("tcp_failure");
        this.#tryNext({ reason: "connect_failed", detail: loss.detail });
        return;
      case "waiting":
        this.#lostWhileWaiting(loss, node?.reused === true);
        return;
      case "answering":
        this.#breakOff("tcp_failure");
        return;
      case "tunnel":
        this.#client.endTunnel();
        this.#attemptOver("ok");
        this.#over();
        this.#client.reset();
        return;
      case "routing":
      case "flushing":
      case "discarding":
      case "over":
    }
  }

  #lostWhileWaiting(loss: NodeLoss, wasReused: boolean): void {
    const untouched = !loss.heard && !this.#bodyBegun && this.#isIdempotent;
    if (untouched && wasReused) {
      // The node closed a connection that was idle: that says nothing about the node.
      this.#pool!.dropIdle();
      this.#connect(false);
      return;
    }
    this.#attemptOver("tcp_failure");
    const failure = { reason: "upstream_broke", detail: loss.detail } as const;
    if (untouched) this.#tryNext(failure);
    else this.#fail(failure.reason, failure.detail);
  }

  /** The answer ends before its end. */
  #breakOff(outcome: AttemptOutcome): void {
    this.#dropNode();
    this.#attemptOver(outcome);
    this.#over();
    this.#client.reset();
  }

  /** The client is gone. */
  clientGone(): void {
    if (this.#stage === "over" || this.#stage === "discarding") return;
    const outcome = this.#stage === "tunnel" ? "ok" : "cancelled";
    this.#dropNode();
    this.#attemptOver(outcome);
    this.#over();
  }

  /** Called when {@link deadlineMs} has passed. */
  late(nowMs: number): void {
    const { totalTimeoutMs } = this.#parts.limits;
    const total = totalTimeoutMs > 0 && nowMs >= this.#startedAtMs + totalTimeoutMs;
    switch (this.#stage) {
      case "routing":
        this.#fail("upstream_timeout", "no decision in time");
        return;
      case "connecting": {
        this.#dropNode();
        this.#attemptOver("timeout");
        const failure = { reason: "upstream_timeout", detail: "connect timed out" } as const;
        if (total) this.#fail(failure.reason, failure.detail);
        else this.#tryNext(failure);
        return;
      }
      case "waiting":
        this.#lateAnswer(total);
        return;
      case "answering":
      case "flushing":
        this.#breakOff(this.#client.pendingBytes > 0 ? "cancelled" : "timeout");
        return;
      case "discarding":
        this.#stage = "over";
        this.#client.finished(false);
        return;
      case "tunnel":
      case "over":
    }
  }

  #lateAnswer(total: boolean): void {
    const clientIsSlow = !this.#bodyDone && this.#node?.isFull !== true && !total;
    this.#dropNode();
    this.#attemptOver(clientIsSlow ? "cancelled" : "timeout");
    if (clientIsSlow) this.#fail("request_timeout", "the body took too long");
    else this.#fail("upstream_timeout", "no answer in time");
  }

  #dropNode(): void {
    const node = this.#node;
    this.#node = undefined;
    if (node !== undefined) this.#pool!.drop(node);
  }

  #wait(timeoutMs: number): void {
    const { totalTimeoutMs } = this.#parts.limits;
    const dueMs = performance.now() + timeoutMs;
    this.deadlineMs =
      totalTimeoutMs > 0 ? Math.min(dueMs, this.#startedAtMs + totalTimeoutMs) : dueMs;
  }

  #waitForAnswer(): void {
    const { timeouts } = this.#forward!;
    if (this.#bodyDone) this.#wait(timeouts.readMs);
    else if (this.#node?.isFull === true) this.#wait(timeouts.sendMs);
    else this.#wait(this.#parts.limits.bodyTimeoutMs);
  }

  get #isIdempotent(): boolean {
    return idempotent.has(this.#head.method);
  }

  get #isRepeatable(): boolean {
    return this.#isIdempotent && !this.#head.hasBody;
  }

  #attemptOver(outcome: AttemptOutcome, nowMs: number = performance.now()): void {
    const attempt = this.#attempt;
    this.#attempt = undefined;
    attempt?.done(outcome, nowMs - this.#attemptStartedAtMs);
  }

  #fail(reason: FailureReason, detail: string): void {
    if (this.#stage === "over") return;
    this.#dropNode();
    this.#attemptOver("cancelled");
    this.#reply(
      this.#parts.describe({
        reason,
        status: failureStatus[reason],
        detail,
        tried: this.#tried ?? noNodes,
        context: this.#context,
      }),
    );
  }

  #reply(reply: Reply): void {
    this.#status = reply.status;
    this.#over();
    const { close } = this.#head;
    const keepAlive =
      this.#mayDiscard &&
      !this.#badBody &&
      !close &&
      this.#client.mayStay &&
      !this.#parts.isClosing();
    this.#client.reply(reply, this.#head, keepAlive);
    this.#leave(keepAlive);
  }

  #over(nowMs: number = performance.now()): void {
    this.#stage = "over";
    this.deadlineMs = Infinity;
    const { onCompleted } = this.#parts;
    if (onCompleted === undefined) return;
    onCompleted({
      method: this.#head.method,
      target: this.#head.target,
      status: this.#status,
      elapsedMs: nowMs - this.#startedAtMs,
      attempts: this.#attempts,
      node: this.#answeredBy,
      remoteAddress: this.#head.remoteAddress,
      context: this.#context,
    });
  }
}

const nothing = Buffer.alloc(0);

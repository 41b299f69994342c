import type { AttemptOutcome, Forward, UpstreamNode } from "../contract.ts";
import type { BodyFraming } from "../http1/body-framing.ts";
import type { ResponseScan } from "../http1/response-scan.ts";
import type { NodeConnection } from "../node/node-connection.ts";
import type { NodeLoss, NodeTunnel } from "../node/node-user.ts";
import { Attempts, type AttemptsUser, type Failure } from "./attempts.ts";
import { Delivery } from "./delivery.ts";
import type { ForwardingUser } from "./forwarding-user.ts";
import type { RequestBody } from "./request-body.ts";
import { requestText } from "./request-text.ts";
import { responseText } from "./response-text.ts";
import { agreedProtocol, Tunnel } from "./tunnel.ts";

const noNode: Failure = { reason: "no_node", detail: "no node to send the request to" };

type Stage =
  | "reaching" // a connection to a node
  | "waiting" // for the answer's head; the body may still be on its way
  | "answering"
  | "tunnel"
  | "over";

/** One request at the nodes: from the decision to forward it to the end of the answer. */
export class Forwarding implements AttemptsUser {
  readonly #user: ForwardingUser;
  readonly #forward: Forward;
  readonly #attempts: Attempts;
  /** Whether it may be sent again when it is unclear whether it arrived. */
  readonly #isRepeatable: boolean;
  /** The protocol to switch to; empty: none. */
  readonly #upgrade: string;
  #stage: Stage = "reaching";
  #bodyFollows = false;
  #delivery: Delivery | undefined;
  #tunnel: Tunnel | undefined;
  /** Which node has answered. */
  answeredBy: UpstreamNode | undefined;
  /** Status of its answer; 0: there is none. */
  status = 0;

  constructor(user: ForwardingUser, forward: Forward) {
    const { head, body, parts, deadline } = user;
    this.#user = user;
    this.#forward = forward;
    this.#isRepeatable = parts.repeats(head.method);
    if (this.#isRepeatable) body?.keep();
    const isSurely = this.#isRepeatable && (body === undefined || body.fits);
    this.#attempts = new Attempts(parts, forward, deadline, isSurely, this);
    const mayUpgrade = forward.upgrade === true && !head.hasBody;
    this.#upgrade = mayUpgrade && head.upgrade.toLowerCase() === "websocket" ? head.upgrade : "";
  }

  /** Requests sent, or tried to be. */
  get sent(): number {
    return this.#attempts.sent;
  }

  get tried(): readonly UpstreamNode[] {
    return this.#attempts.tried;
  }

  /** Whether the client's body may be handed over. */
  get wantsBody(): boolean {
    return !this.#bodyDone && this.#node !== undefined && this.#stage !== "reaching";
  }

  get #bodyDone(): boolean {
    const { body } = this.#user;
    return body === undefined || body.done;
  }

  get #node(): NodeConnection | undefined {
    return this.#attempts.connection;
  }

  /** @param bodyFollows  Whether what is there of the body is handed over right after this. */
  start(nowMs: number, bodyFollows: boolean): void {
    this.#bodyFollows = bodyFollows;
    this.#attempts.next(noNode, nowMs);
    this.#bodyFollows = false;
  }

  unreached(failure: Failure): void {
    this.#fail(failure);
  }

  nodeConnected(nowMs?: number): void {
    const { head, body, parts, client } = this.#user;
    const node = this.#node!;
    const forwarded = parts.forwarded.of(head);
    const to = this.#attempts.node!;
    this.#stage = "waiting";
    const text = requestText(head, this.#forward, to, forwarded, this.#upgrade);
    this.#waitForAnswer(nowMs);
    if (body === undefined) {
      node.writeText(text);
      return;
    }
    body.headTo(node, text, head.expectsContinue);
    if (body.begun) body.replay(node);
    client.resumeReading();
    // The client may wait for what the node says to the head alone.
    if (!this.#bodyFollows && this.#node === node) body.flushHead(node);
  }

  /**
   * Sends what of the body is there, after the head if that is still to be sent.
   *
   * @returns the offset of what no longer belongs to the body.
   */
  takeBody(bytes: Buffer, from: number, to: number): number {
    const body = this.#user.body!;
    const node = this.#node!;
    const next = body.send(node, bytes, from, to);
    if (body.bad || body.tooLarge) this.#refuseBody(body);
    else if (this.#stage === "waiting") this.#waitForAnswer();
    if (this.#node !== undefined && !body.done && node.isFull) this.#user.client.pauseReading();
    return next;
  }

  #refuseBody({ bad, fault }: RequestBody): void {
    // An answer is under way: another would be taken for a part of it.
    if (this.#stage !== "waiting") this.#delivery?.breakOff("cancelled");
    else if (bad) this.#fail({ reason: "bad_request", detail: fault });
    else this.#fail({ reason: "body_too_large", detail: "the body is too large" });
  }

  nodeDrained(): void {
    if (this.wantsBody) this.#user.client.resumeReading();
    if (this.#stage === "waiting") this.#waitForAnswer();
  }

  nodeInformed(scan: ResponseScan, bytes: Buffer): void {
    this.#waitForAnswer();
    const { head, body } = this.#user;
    // RFC 9110 §15.2: interim answers travel, but not to those who cannot know them, nor a 100 nobody waits for.
    if (head.httpVersion === "1.0") return;
    if (scan.status === 100 && (!head.expectsContinue || body?.begun === true)) return;
    this.#user.client.output.writeText(responseText(scan, bytes, "none", false, ""));
  }

  nodeSwitched(scan: ResponseScan, bytes: Buffer): NodeTunnel | undefined {
    const { client, deadline, parts } = this.#user;
    const protocol = agreedProtocol(this.#upgrade, scan, bytes);
    if (protocol === "") return undefined;
    this.#stage = "tunnel";
    this.#answerBegins(101);
    const connection = `Connection: Upgrade\r\nUpgrade: ${protocol}\r\n`;
    client.output.writeText(responseText(scan, bytes, "none", false, connection));
    const { tunnelIdleTimeoutMs } = parts.limits;
    this.#tunnel = new Tunnel(client, this.#node!, deadline, tunnelIdleTimeoutMs, () => {
      this.cancel("ok");
      this.#user.tunnelOver();
    });
    client.tunnel(this.#tunnel);
    return this.#tunnel;
  }

  nodeAnswered(scan: ResponseScan, bytes: Buffer, framing: BodyFraming): void {
    const { readMs } = this.#forward.timeouts;
    this.#stage = "answering";
    this.#user.body?.forget();
    this.#answerBegins(scan.status);
    this.#delivery = new Delivery(scan, bytes, framing, this.#user, this.#attempts, readMs);
    if (framing.isUntilClose && this.#node!.endIsDoubtful) this.#askWatched();
  }

  /** The answer would end with a connection whose end may be anybody's: it is asked for over another. */
  #askWatched(): void {
    this.#stage = "waiting";
    this.#delivery = undefined;
    this.status = 0;
    this.answeredBy = undefined;
    this.#attempts.drop();
    this.#attempts.watch();
    const detail = "the end of the answer could not be told from that of a cut connection";
    this.#lostWhileWaiting({ detail, heard: false }, true);
  }

  #answerBegins(status: number): void {
    this.status = status;
    this.answeredBy = this.#attempts.node;
  }

  nodeBody(bytes: Buffer, from: number, to: number, framing: BodyFraming): void {
    this.#delivery!.take(bytes, from, to, framing);
  }

  nodeLost(loss: NodeLoss): void {
    const wasReused = this.#node?.reused === true;
    this.#attempts.drop();
    switch (this.#stage) {
      case "reaching":
        this.#attempts.over("tcp_failure");
        this.#attempts.next({ reason: "connect_failed", detail: loss.detail });
        return;
      case "waiting":
        this.#lostWhileWaiting(loss, wasReused);
        return;
      case "answering":
        this.#delivery!.nodeLost();
        return;
      case "tunnel":
      case "over":
    }
  }

  #lostWhileWaiting(loss: NodeLoss, wasReused: boolean): void {
    const { body } = this.#user;
    const mayBeAskedAgain = this.#isRepeatable && (body === undefined || body.isWhole);
    const goesOn = !loss.heard && mayBeAskedAgain;
    if (goesOn) this.#stage = "reaching";
    if (goesOn && wasReused) {
      this.#attempts.again();
      return;
    }
    this.#attempts.over("tcp_failure");
    const failure: Failure = { reason: "upstream_broke", detail: loss.detail };
    if (goesOn) this.#attempts.next(failure);
    else this.#fail(failure);
  }

  /** The deadline has passed. */
  late(isTotal: boolean): void {
    switch (this.#stage) {
      case "reaching":
        this.#attempts.late(isTotal);
        return;
      case "waiting":
        this.#lateAnswer(isTotal);
        return;
      case "answering":
        this.#delivery!.late();
        return;
      case "tunnel":
        this.#tunnel!.idle();
        return;
      case "over":
    }
  }

  #lateAnswer(isTotal: boolean): void {
    const clientIsSlow = !this.#bodyDone && this.#node?.isFull !== true && !isTotal;
    this.#attempts.drop();
    this.#attempts.over(clientIsSlow ? "cancelled" : "timeout");
    if (clientIsSlow) this.#fail({ reason: "request_timeout", detail: "the body took too long" });
    else this.#fail({ reason: "upstream_timeout", detail: "no answer in time" });
  }

  #waitForAnswer(nowMs?: number): void {
    const { deadline, parts } = this.#user;
    const { timeouts } = this.#forward;
    if (this.#bodyDone) deadline.within(timeouts.readMs, nowMs);
    else if (this.#node?.isFull === true) deadline.within(timeouts.sendMs, nowMs);
    else deadline.within(parts.limits.bodyTimeoutMs, nowMs);
  }

  #fail(failure: Failure): void {
    this.cancel("cancelled");
    this.#user.failed(failure);
  }

  /** Nothing of it goes on. */
  cancel(outcome: AttemptOutcome): void {
    if (this.#stage === "answering") this.#delivery!.cancel(outcome);
    else {
      this.#attempts.drop();
      this.#attempts.over(outcome);
    }
    this.#stage = "over";
  }
}

import type { ClientRequest, IncomingMessage, ServerResponse } from "node:http";

import { type AttemptResult, awaitAnswer } from "./attempt.ts";
import type {
  Attempt,
  AttemptOutcome,
  FailureReason,
  Forward,
  ProxyFailure,
  ProxyOptions,
  Reply,
  RequestHead,
  UpstreamNode,
} from "./contract.ts";
import { type Framing, framingOf, requestFields } from "./header-rules.ts";
import type { NodeConnections } from "./node-connections.ts";
import { relayAnswer, type RelayEnd } from "./relay-answer.ts";
import { type BodyRelay, relayBody } from "./relay-request.ts";
import { defaultReply, failureStatus, sendReply } from "./reply.ts";

/** Methods that may be sent again when it is unclear whether they arrived. RFC 9110 §9.2.2. */
const idempotent: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

const relayOutcome: Readonly<Record<RelayEnd, AttemptOutcome>> = {
  complete: "ok",
  node_broke: "tcp_failure",
  node_silent: "timeout",
  client_left: "cancelled",
  client_stalled: "cancelled",
};

/** One request and its answer. */
export class Exchange {
  readonly #head: RequestHead;
  readonly #request: IncomingMessage;
  readonly #response: ServerResponse;
  readonly #options: ProxyOptions;
  readonly #connections: NodeConnections;
  readonly #startedAtMs = performance.now();
  readonly #tried: UpstreamNode[] = [];
  #attempts = 0;
  #context: unknown;
  #upstream: ClientRequest | undefined;
  #body: BodyRelay | undefined;
  #gone = false;
  #continued: boolean;

  constructor(parts: {
    readonly head: RequestHead;
    readonly request: IncomingMessage;
    readonly response: ServerResponse;
    readonly options: ProxyOptions;
    readonly connections: NodeConnections;
    /** Whether the client waits for 100 before it sends its body. */
    readonly expectsContinue: boolean;
  }) {
    this.#head = parts.head;
    this.#request = parts.request;
    this.#response = parts.response;
    this.#options = parts.options;
    this.#connections = parts.connections;
    this.#continued = !parts.expectsContinue;
    // An aborted request is told by the response's close; unheard, its error would end the process.
    parts.request.on("error", () => undefined);
    parts.response.once("close", () => {
      if (parts.response.writableFinished) return;
      this.#gone = true;
      this.#upstream?.destroy();
    });
  }

  /** Serves the request; resolves when nothing of it is left, and never rejects. */
  async run(): Promise<void> {
    let node: UpstreamNode | undefined;
    try {
      const decision = await this.#options.route(this.#head);
      this.#context = decision.context;
      if (decision.kind === "reply") {
        if (!this.#gone) sendReply(this.#response, decision);
      } else {
        node = await this.#forward(decision);
      }
    } catch {
      this.#fail("route_failed", "the request could not be routed");
    }
    if (!this.#gone && !this.#response.writableFinished) await closed(this.#response);
    this.#options.onCompleted?.({
      method: this.#head.method,
      target: this.#head.target,
      status: this.#response.headersSent ? this.#response.statusCode : 0,
      elapsedMs: performance.now() - this.#startedAtMs,
      attempts: this.#attempts,
      node,
      remoteAddress: this.#head.remoteAddress,
      context: this.#context,
    });
  }

  /** One node after the other, as far as the request may be sent again; returns the one that answered. */
  async #forward(forward: Forward): Promise<UpstreamNode | undefined> {
    const framing = framingOf(this.#head);
    const repeatable = idempotent.has(this.#head.method) && framing.kind === "none";
    let last: Exclude<AttemptResult, { kind: "answered" }> | undefined;
    for (let further = forward.retries; further >= 0 && !this.#gone; further -= 1) {
      const sinceMs = performance.now() - this.#startedAtMs;
      const late = forward.retryTimeoutMs > 0 && sinceMs > forward.retryTimeoutMs;
      if (last !== undefined && late) break;
      const attempt = forward.pick(this.#tried);
      if (attempt === undefined) break;
      this.#tried.push(attempt.node);
      const result = await this.#attempt(forward, attempt, framing, repeatable);
      if (result === undefined) return attempt.node;
      last = result;
      const again = result.kind === "unconnected" || (repeatable && !result.timedOut);
      if (!again) break;
    }
    if (last === undefined) this.#fail("no_node", "no node to send the request to");
    else if (last.timedOut) this.#fail("upstream_timeout", last.detail);
    else this.#fail(last.kind === "broken" ? "upstream_broke" : "connect_failed", last.detail);
    return undefined;
  }

  /** Sends the request to one node; `undefined` when its answer went to the client. */
  async #attempt(
    forward: Forward,
    attempt: Attempt,
    framing: Framing,
    repeatable: boolean,
  ): Promise<Exclude<AttemptResult, { kind: "answered" }> | undefined> {
    const startedAtMs = performance.now();
    let outcome: AttemptOutcome = "cancelled";
    try {
      let result = await this.#send(forward, attempt.node, framing, repeatable);
      if (
        result.kind === "broken" &&
        result.stale &&
        !result.timedOut &&
        repeatable &&
        !this.#gone
      ) {
        // The node closed a connection that was idle: that says nothing about the node.
        this.#connections.forgetIdle(attempt.node);
        result = await this.#send(forward, attempt.node, framing, false);
      }
      if (this.#gone) {
        if (result.kind === "answered") result.answer.destroy();
        return undefined;
      }
      if (result.kind !== "answered") {
        outcome = result.timedOut ? "timeout" : "tcp_failure";
        return result;
      }
      const { statusCode = 502 } = result.answer;
      const end = await relayAnswer(result.answer, this.#response, forward.timeouts.readMs);
      outcome = end === "complete" && statusCode >= 500 ? "http_failure" : relayOutcome[end];
      this.#endUpload();
      return undefined;
    } finally {
      attempt.done(outcome, performance.now() - startedAtMs);
    }
  }

  async #send(
    forward: Forward,
    node: UpstreamNode,
    framing: Framing,
    reuse: boolean,
  ): Promise<AttemptResult> {
    this.#attempts += 1;
    if (this.#connections.forbids(node)) {
      return { kind: "unconnected", timedOut: false, detail: "the node's address is not allowed" };
    }
    const upstream = this.#connections.open({
      node,
      method: this.#head.method,
      target: forward.target ?? this.#head.target,
      fields: requestFields(this.#head, forward, node, framing),
      reuse,
    });
    this.#upstream = upstream;
    const result = await awaitAnswer(upstream, forward.timeouts, {
      connected: (moved) => {
        if (framing.kind === "none") {
          upstream.end();
          return;
        }
        this.#continue();
        this.#body = relayBody(this.#request, upstream, moved);
      },
      informed: (status, rawHeaders) => this.#inform(status, rawHeaders),
      awaiting: () => {
        const awaiting = this.#body?.awaiting ?? "nothing";
        return awaiting === "nothing" ? "answer" : awaiting;
      },
    });
    if (result.kind !== "answered") this.#body?.stop();
    // A body is read once: part of it gone, no other node can have it.
    return result.kind === "unconnected" && this.#body?.begun === true
      ? { kind: "broken", timedOut: result.timedOut, stale: false, detail: result.detail }
      : result;
  }

  /** A node may answer before it has the whole body; once the answer is out, the rest is nobody's. */
  #endUpload(): void {
    if (this.#upstream?.writableFinished !== false) return;
    this.#body?.stop();
    this.#upstream.destroy();
  }

  #continue(): void {
    if (this.#continued || this.#response.headersSent) return;
    this.#continued = true;
    this.#response.writeContinue();
  }

  /** 103 Early Hints travel on; other interim answers are for us alone. RFC 8297. */
  #inform(status: number, rawHeaders: readonly string[]): void {
    if (status !== 103 || this.#head.httpVersion === "1.0" || this.#response.headersSent) return;
    const links: string[] = [];
    for (let index = 0; index < rawHeaders.length; index += 2) {
      if (rawHeaders[index]?.toLowerCase() === "link") links.push(rawHeaders[index + 1] ?? "");
    }
    if (links.length === 0) return;
    try {
      this.#response.writeEarlyHints({ link: links });
    } catch {
      // Node checks the syntax of Link; a hint that fails it is only a hint.
    }
  }

  #fail(reason: FailureReason, detail: string): void {
    if (this.#gone) return;
    if (this.#response.headersSent) {
      this.#response.socket?.resetAndDestroy();
      return;
    }
    const failure: ProxyFailure = {
      reason,
      status: failureStatus[reason],
      detail,
      tried: this.#tried,
      context: this.#context,
    };
    sendReply(this.#response, shape(this.#options, failure));
  }
}

/** The answer to a failure, as the caller wants it. */
export function shape(options: ProxyOptions, failure: ProxyFailure): Reply {
  return options.describeFailure?.(failure) ?? defaultReply(failure);
}

function closed(response: ServerResponse): Promise<void> {
  return new Promise((resolve) => {
    if (response.closed) resolve();
    else response.once("close", resolve);
  });
}

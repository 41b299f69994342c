import { monotonicMs } from "../clock.ts";
import type { AttemptOutcome } from "../contract.ts";
import type { BodyFraming } from "../http1/body-framing.ts";
import type { ResponseScan } from "../http1/response-scan.ts";
import { Answer } from "./answer.ts";
import type { Attempts } from "./attempts.ts";
import type { ForwardingUser } from "./forwarding-user.ts";

/** The way of an answer from the node to the client, at the pace of the slower one, to its end. */
export class Delivery extends Answer {
  readonly #user: ForwardingUser;
  readonly #attempts: Attempts;
  readonly #readMs: number;
  /** Whether the node has said all; the client may not have taken it. */
  #isSaid = false;
  #isOver = false;

  /**
   * @param framing  Is told how the body is framed.
   * @param readMs  How long the node may be silent, in ms.
   */
  constructor(
    scan: ResponseScan,
    bytes: Buffer,
    framing: BodyFraming,
    user: ForwardingUser,
    attempts: Attempts,
    readMs: number,
  ) {
    super(scan, bytes, framing, user.head, user.mayKeepAlive);
    this.#user = user;
    this.#attempts = attempts;
    this.#readMs = readMs;
    user.client.output.isGiven = attempts.connection?.givesAway === true;
  }

  /** Takes the bytes of the body that are there. */
  take(bytes: Buffer, from: number, to: number, framing: BodyFraming): void {
    if (this.#isSaid) {
      // Bytes after the end: the connection cannot be trusted with another request.
      this.reusable = false;
      return;
    }
    const { client, deadline, body } = this.#user;
    this.send(client.output, bytes, from, to, framing);
    if (framing.bad) {
      this.breakOff("tcp_failure");
    } else if (framing.done) {
      this.reusable &&= framing.next === to && (body === undefined || body.done);
      this.#said();
    } else {
      deadline.within(this.#readMs);
      if (client.output.holdsUp) this.#waitForClient(() => this.#goOn());
    }
  }

  nodeLost(): void {
    if (!this.#isSaid) this.breakOff("tcp_failure");
  }

  /** Whoever had to do something has not done it in time. */
  late(): void {
    this.breakOff(this.#user.client.output.pendingBytes > 0 ? "cancelled" : "timeout");
  }

  /** It ends before its end, and the client will see that. */
  breakOff(outcome: AttemptOutcome): void {
    this.cancel(outcome);
    this.#user.brokeOff();
  }

  /** Nothing more is to be done. */
  cancel(outcome: AttemptOutcome): void {
    this.#isOver = true;
    this.#attempts.drop();
    this.#attempts.over(outcome);
  }

  #goOn(): void {
    if (this.#isOver) return;
    this.#user.deadline.within(this.#readMs);
    this.#attempts.connection?.resume();
  }

  #said(): void {
    this.#isSaid = true;
    if (!this.#user.client.output.holdsUp) this.#finish();
    else {
      this.#waitForClient(() => {
        if (!this.#isOver) this.#finish();
      });
    }
  }

  /** The node is not read while the client has not taken what came: its buffer is still in use. */
  #waitForClient(then: () => void): void {
    const { client, deadline, parts } = this.#user;
    this.#attempts.connection?.pause();
    deadline.within(parts.limits.clientSendTimeoutMs);
    client.output.whenFlushed(then);
  }

  #finish(): void {
    const nowMs = monotonicMs();
    const attempts = this.#attempts;
    this.#isOver = true;
    attempts.connection?.resume();
    if (this.reusable) attempts.giveBack(nowMs, this.keepMs);
    else attempts.drop();
    attempts.over(this.status >= 500 ? "http_failure" : "ok", nowMs);
    this.#user.answered(this.keepAlive, nowMs);
  }
}

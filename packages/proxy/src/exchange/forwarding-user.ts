import type { ReceivedHead } from "../http1/received-head.ts";
import type { Failure } from "./attempts.ts";
import type { Deadline } from "./deadline.ts";
import type { EngineParts } from "./engine-parts.ts";
import type { ExchangeClient } from "./exchange-client.ts";
import type { RequestBody } from "./request-body.ts";

/** The exchange that a request is forwarded for. */
export interface ForwardingUser {
  readonly parts: EngineParts;
  readonly client: ExchangeClient;
  readonly head: ReceivedHead;
  readonly body: RequestBody | undefined;
  readonly deadline: Deadline;
  /** Whether nothing but the answer itself forbids to keep the client's connection. */
  readonly mayKeepAlive: boolean;
  /** There is no answer; the client was told nothing yet. */
  failed(failure: Failure): void;
  /** The client has the whole answer. */
  answered(keepAlive: boolean, nowMs: number): void;
  /** The answer ends before its end. */
  brokeOff(): void;
  /** The tunnel has ended. */
  tunnelOver(): void;
}

import type { ClientRequest, IncomingMessage } from "node:http";

import type { ForwardTimeouts } from "./contract.ts";

/** How one attempt to get an answer from a node went. */
export type AttemptResult =
  | { readonly kind: "answered"; readonly answer: IncomingMessage }
  /** Nothing of the request reached the node. */
  | { readonly kind: "unconnected"; readonly timedOut: boolean; readonly detail: string }
  /** Sent, in part at least, and then no answer: `stale` when an idle connection turned out dead. */
  | {
      readonly kind: "broken";
      readonly timedOut: boolean;
      readonly stale: boolean;
      readonly detail: string;
    };

/** What happens while an attempt runs. */
export interface AttemptEvents {
  /** The connection stands: send the body, or end the request. */
  connected(): void;
  /** 1xx other than 101. */
  informed(status: number, rawHeaders: readonly string[]): void;
  /** Whether the silence is the client's, who sends its body slowly. */
  clientIsSlow(): boolean;
}

/** Resolves with the answer's head, or with why there is none; never rejects. */
export function awaitAnswer(
  upstream: ClientRequest,
  timeouts: ForwardTimeouts,
  events: AttemptEvents,
): Promise<AttemptResult> {
  return new Promise((resolve) => {
    let connected = false;
    let settled = false;
    let timer = setTimeout(
      () => settle(unconnected(true, "connect timed out")),
      timeouts.connectMs,
    );

    function settle(result: AttemptResult): void {
      if (settled) return;
      settled = true;
      clearTimeout(timer);
      if (result.kind !== "answered") upstream.destroy();
      resolve(result);
    }

    function onSilence(): void {
      if (events.clientIsSlow()) timer.refresh();
      else settle({ ...broken("no answer in time"), timedOut: true });
    }

    function broken(detail: string): AttemptResult & { readonly kind: "broken" } {
      return { kind: "broken", timedOut: false, stale: upstream.reusedSocket, detail };
    }

    function onConnected(): void {
      connected = true;
      clearTimeout(timer);
      timer = setTimeout(onSilence, timeouts.readMs);
      events.connected();
    }

    upstream.once("socket", (socket) => {
      if (!socket.connecting) {
        onConnected();
        return;
      }
      const secure = "encrypted" in socket;
      socket.once(secure ? "secureConnect" : "connect", onConnected);
    });
    upstream.on("drain", () => {
      if (!settled) timer.refresh();
    });
    upstream.on("information", ({ statusCode, rawHeaders }) => {
      timer.refresh();
      if (statusCode !== 101) events.informed(statusCode, rawHeaders);
    });
    upstream.once("upgrade", (_answer, socket) => {
      socket.destroy();
      settle(broken("the node switched protocols unasked"));
    });
    upstream.once("response", (answer) => settle({ kind: "answered", answer }));
    // A destroyed request emits further errors; without a listener they would end the process.
    upstream.on("error", (error) => {
      const detail = "code" in error ? String(error.code) : error.name;
      settle(connected ? broken(detail) : unconnected(false, detail));
    });
    upstream.once("close", () => settle(broken("the connection closed")));
  });
}

function unconnected(timedOut: boolean, detail: string): AttemptResult {
  return { kind: "unconnected", timedOut, detail };
}

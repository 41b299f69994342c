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
  /**
   * The connection stands: send the body, or end the request.
   *
   * @param moved  To be called whenever {@link AttemptEvents.awaiting} may have changed.
   */
  connected(moved: () => void): void;
  /** 1xx other than 101. */
  informed(status: number, rawHeaders: readonly string[]): void;
  /** What the silence is about: the client's body, room for it at the node, or the answer. */
  awaiting(): "client" | "room" | "answer";
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

    function listen(): void {
      if (settled) return;
      clearTimeout(timer);
      const { sendMs, readMs } = timeouts;
      timer = setTimeout(onSilence, events.awaiting() === "room" ? sendMs : readMs);
    }

    function onSilence(): void {
      const awaited = events.awaiting();
      if (awaited === "client") listen();
      else if (awaited === "room") settle({ ...broken("the node takes no more"), timedOut: true });
      else settle({ ...broken("no answer in time"), timedOut: true });
    }

    function broken(detail: string): AttemptResult & { readonly kind: "broken" } {
      return { kind: "broken", timedOut: false, stale: upstream.reusedSocket, detail };
    }

    function onConnected(): void {
      connected = true;
      events.connected(listen);
      listen();
    }

    upstream.once("socket", (socket) => {
      if (!socket.connecting) {
        onConnected();
        return;
      }
      const secure = "encrypted" in socket;
      socket.once(secure ? "secureConnect" : "connect", onConnected);
    });
    upstream.on("information", ({ statusCode, rawHeaders }) => {
      timer.refresh();
      if (statusCode !== 101) events.informed(statusCode, rawHeaders);
    });
    upstream.once("upgrade", (_answer, socket) => {
      socket.destroy();
      settle(broken("the node switched protocols unasked"));
    });
    upstream.once("response", (answer) => {
      const fault = answerFault(answer);
      settle(
        fault === undefined ? { kind: "answered", answer } : { ...broken(fault), stale: false },
      );
    });
    // A destroyed request emits further errors; without a listener they would end the process.
    upstream.on("error", (error) => {
      const detail = "code" in error ? String(error.code) : error.name;
      settle(connected ? broken(detail) : unconnected(false, detail));
    });
    upstream.once("close", () => settle(broken("the connection closed")));
  });
}

/** What the parser lets through and no client could read. */
function answerFault({ statusCode = 0, headers }: IncomingMessage): string | undefined {
  if (statusCode < 200) return "the answer's status is none";
  const coding = headers["transfer-encoding"];
  // The field stays here, so a coding that is left in the body would be lost on the client.
  return coding === undefined || coding.toLowerCase() === "chunked"
    ? undefined
    : "the answer has a transfer coding other than chunked";
}

function unconnected(timedOut: boolean, detail: string): AttemptResult {
  return { kind: "unconnected", timedOut, detail };
}

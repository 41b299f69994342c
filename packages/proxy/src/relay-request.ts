import type { ClientRequest, IncomingMessage } from "node:http";

import { trailerFields } from "./header-rules.ts";

/** A request body on its way to a node. */
export interface BodyRelay {
  /** Whether any of the body was taken from the client. */
  readonly begun: boolean;
  /** What it waits for: the client's next bytes, room for them at the node, or nothing more. */
  readonly awaiting: "client" | "room" | "nothing";
  /** Takes nothing more; what the client still sends is thrown away. */
  stop(): void;
}

/**
 * Streams the client's body to a node, at the pace of the slower one.
 *
 * @param moved  Told when {@link BodyRelay.awaiting} changed.
 */
export function relayBody(
  request: IncomingMessage,
  upstream: ClientRequest,
  moved: () => void,
): BodyRelay {
  let begun = false;
  let full = false;
  let ended = false;
  const onData = (chunk: Buffer): void => {
    begun = true;
    full = !upstream.write(chunk);
    if (!full) return;
    request.pause();
    moved();
  };
  const onDrain = (): void => {
    full = false;
    request.resume();
    moved();
  };
  const onEnd = (): void => {
    ended = true;
    const trailers = trailerFields(request.rawTrailers);
    if (trailers.length > 0) upstream.addTrailers(trailers);
    upstream.end();
    moved();
  };
  request.on("data", onData);
  request.once("end", onEnd);
  upstream.on("drain", onDrain);
  return {
    get begun() {
      return begun;
    },
    get awaiting() {
      if (full) return "room";
      return ended ? "nothing" : "client";
    },
    stop() {
      ended = true;
      full = false;
      request.off("data", onData);
      request.off("end", onEnd);
      upstream.off("drain", onDrain);
      request.resume();
    },
  };
}

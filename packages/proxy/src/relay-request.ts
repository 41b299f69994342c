import type { ClientRequest, IncomingMessage } from "node:http";

import { trailerFields } from "./header-rules.ts";

/** A request body on its way to a node. */
export interface BodyRelay {
  /** Whether any of the body was taken from the client. */
  readonly begun: boolean;
  /** Whether the node takes what it is given, and the client gives nothing. */
  readonly waitsForClient: boolean;
  /** Takes nothing more; what the client still sends is thrown away. */
  stop(): void;
}

/** Streams the client's body to a node, at the pace of the slower one. */
export function relayBody(request: IncomingMessage, upstream: ClientRequest): BodyRelay {
  let begun = false;
  let full = false;
  let stopped = false;
  const onData = (chunk: Buffer): void => {
    begun = true;
    full = !upstream.write(chunk);
    if (full) request.pause();
  };
  const onDrain = (): void => {
    full = false;
    request.resume();
  };
  const onEnd = (): void => {
    const trailers = trailerFields(request.rawTrailers);
    if (trailers.length > 0) upstream.addTrailers(trailers);
    upstream.end();
  };
  request.on("data", onData);
  request.once("end", onEnd);
  upstream.on("drain", onDrain);
  return {
    get begun() {
      return begun;
    },
    get waitsForClient() {
      return !stopped && !full && !request.complete;
    },
    stop() {
      stopped = true;
      request.off("data", onData);
      request.off("end", onEnd);
      upstream.off("drain", onDrain);
      request.resume();
    },
  };
}

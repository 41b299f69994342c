import type { Socket } from "node:net";

import { withoutMappedPrefix } from "../exchange/address.ts";
import type { Peer } from "../http1/received-head.ts";

/** Whom a socket connects to. */
export function peerOf(socket: Socket, secure: boolean): Peer {
  return {
    remoteAddress: withoutMappedPrefix(socket.remoteAddress ?? ""),
    remotePort: socket.remotePort ?? 0,
    localPort: socket.localPort ?? 0,
    secure,
  };
}

import type { Socket } from "node:net";

import { withoutMappedPrefix } from "../exchange/address.ts";
import type { Peer } from "../http1/received-head.ts";

/**
 * Whom a socket connects to.
 *
 * @param localPort  The listener's.
 */
export function peerOf(socket: Socket, localPort: number, secure: boolean): Peer {
  return {
    remoteAddress: withoutMappedPrefix(socket.remoteAddress ?? ""),
    remotePort: socket.remotePort ?? 0,
    localPort,
    secure,
  };
}

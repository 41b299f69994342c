import { type Peer, ReceivedHead } from "./received-head.ts";
import type { RequestScan } from "./request-scan.ts";
import { isHost, pathOf } from "./request-target.ts";

/** Why a head that was scanned is not served. */
export interface HeadRefusal {
  readonly status: number;
  readonly fault: string;
}

const connect: HeadRefusal = { status: 501, fault: "CONNECT is not served" };
const noPath: HeadRefusal = { status: 400, fault: "the request target is not a path" };
const noHost: HeadRefusal = { status: 400, fault: "the Host field is malformed" };

/** Takes what `scan` found in `bytes` out of them, and judges where it is meant to go. */
export function receiveHead(
  scan: RequestScan,
  bytes: Buffer,
  peer: Peer,
): ReceivedHead | HeadRefusal {
  const method = bytes.toString("latin1", scan.start, scan.methodEnd);
  if (method === "CONNECT") return connect;
  const target = pathOf(bytes.toString("latin1", scan.targetStart, scan.targetEnd), method);
  if (target === undefined) return noPath;
  const { path, authority } = target;
  // RFC 9112 §3.2: a bad Host is refused also where the target's authority goes before it.
  if (scan.hostEnd !== 0 && !isHost(bytes.toString("latin1", scan.hostStart, scan.hostEnd))) {
    return noHost;
  }
  return new ReceivedHead(scan, bytes, peer, path, authority);
}

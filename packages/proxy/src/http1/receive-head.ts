import { methodOf } from "./methods.ts";
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
  const { start } = scan;
  // One string for all of it: its slices cost next to nothing, further reads of the bytes do.
  const text = bytes.toString("latin1", start, scan.end);
  const method = methodOf(text, scan.methodEnd - start);
  if (method === "CONNECT") return connect;
  const written = text.slice(scan.targetStart - start, scan.targetEnd - start);
  const target = pathOf(written, method, peer.secure);
  if (target === undefined) return noPath;
  const host =
    scan.hostEnd === 0 ? undefined : text.slice(scan.hostStart - start, scan.hostEnd - start);
  // RFC 9112 §3.2: a bad Host is refused also where the target's authority goes before it.
  if (host !== undefined && !isHost(host)) return noHost;
  return new ReceivedHead(scan, text, peer, method, host, target);
}

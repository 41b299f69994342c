import { BodyFraming } from "../../src/http1/body-framing.ts";
import { receiveHead } from "../../src/http1/receive-head.ts";
import { type Peer, ReceivedHead } from "../../src/http1/received-head.ts";
import { RequestScan } from "../../src/http1/request-scan.ts";
import { COMPLETE, INCOMPLETE } from "../../src/http1/verdict.ts";

export const headLimits = { maxBytes: 32_768, maxFields: 128 } as const;
export const chunkLimits = { maxExtensionBytes: 4_096, maxTrailerBytes: 8_192 } as const;

const peer: Peer = { remoteAddress: "9.9.9.9", remotePort: 9, localPort: 80, secure: false };

/** What our reading made of some bytes, as one connection's first request. */
export type RequestReading =
  | { readonly kind: "incomplete" }
  | { readonly kind: "refused"; readonly status: number; readonly fault: string }
  | RequestRead;

export interface RequestRead {
  readonly kind: "read";
  readonly head: ReceivedHead;
  /** Where the head ends, and where the message does. */
  readonly headEnd: number;
  readonly end: number;
  /** Data of the body, latin1. */
  readonly data: string;
  /** How the body travels on: bytes up to here, then the tail. */
  readonly passEnd: number;
  readonly tail: string;
}

const incomplete: RequestReading = { kind: "incomplete" };

/** Reads requests the way a client's connection does. */
export class RequestReader {
  readonly scan: RequestScan = new RequestScan(headLimits);
  readonly #framing = new BodyFraming(chunkLimits);

  read(bytes: Buffer): RequestReading {
    const { scan } = this;
    const verdict = scan.scan(bytes, 0, bytes.length);
    if (verdict === INCOMPLETE) return incomplete;
    if (verdict !== COMPLETE) return { kind: "refused", status: verdict, fault: scan.fault };
    const headEnd = scan.end;
    const head = receiveHead(scan, bytes, peer);
    if (!(head instanceof ReceivedHead)) return { kind: "refused", ...head };
    const framing = this.framingOf(head);
    let data = "";
    if (head.chunked) {
      framing.take(bytes, headEnd, bytes.length, (from, to) => {
        data += bytes.toString("latin1", from, to);
      });
      if (framing.bad) return { kind: "refused", status: 400, fault: "the chunked body" };
    } else {
      framing.take(bytes, headEnd, bytes.length);
      data = bytes.toString("latin1", headEnd, framing.next);
    }
    if (!framing.done) return incomplete;
    const { next: end, passEnd, tail } = framing;
    return { kind: "read", head, headEnd, end, data, passEnd, tail };
  }

  /** Ready for the body of `head`; the same object each time. */
  framingOf(head: ReceivedHead): BodyFraming {
    const framing = this.#framing;
    if (head.chunked) framing.chunked();
    else if (head.length > 0) framing.length(head.length);
    else framing.none();
    return framing;
  }
}

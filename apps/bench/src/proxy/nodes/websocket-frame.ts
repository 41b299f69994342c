import { randomBytes } from "node:crypto";

/** Bytes of each message: below 126, so that its frame has the shortest head (RFC 6455 §5.2). */
export const messageBytes = 64;

const binary = 0x82; // FIN, opcode 2
const masked = 0x80;

/** A frame as a client sends it: two bytes of head, four of mask, then the message. */
export function clientFrame(): Buffer {
  const mask = randomBytes(4);
  const message = randomBytes(messageBytes);
  return Buffer.concat([Buffer.from([binary, masked | messageBytes]), mask, message]);
}

/** The frame that sends a client's message back: two bytes of head, then the message. */
export function unmasked(frame: Buffer): Buffer {
  const answer = Buffer.allocUnsafe(messageBytes + 2);
  answer[0] = binary;
  answer[1] = messageBytes;
  for (let index = 0; index < messageBytes; index += 1) {
    answer[index + 2] = (frame[index + 6] ?? 0) ^ (frame[2 + (index & 3)] ?? 0);
  }
  return answer;
}

/** Cuts a stream into frames of one size, wherever its reads end. */
export function whole(frameBytes: number): (bytes: Buffer) => Buffer[] {
  let rest: Buffer = Buffer.alloc(0);
  return (bytes) => {
    rest = rest.length === 0 ? bytes : Buffer.concat([rest, bytes]);
    const frames: Buffer[] = [];
    while (rest.length >= frameBytes) {
      frames.push(rest.subarray(0, frameBytes));
      rest = rest.subarray(frameBytes);
    }
    return frames;
  };
}

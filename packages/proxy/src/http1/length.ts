/**
 * A Content-Length: digits only, and few enough to be exact. RFC 9110 §8.6.
 *
 * @returns -1 when it is anything else.
 */
export function parseLength(bytes: Uint8Array, from: number, to: number): number {
  if (from === to || to - from > 15) return -1;
  let length = 0;
  for (let at = from; at < to; at += 1) {
    const digit = bytes[at]! - 0x30;
    if (digit < 0 || digit > 9) return -1;
    length = length * 10 + digit;
  }
  return length;
}

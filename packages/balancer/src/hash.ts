/**
 * A 32-bit hash of a text: FNV-1a over its UTF-16 code units, with a final avalanche so that each bit of
 * the text changes half of the bits.
 *
 * It is the same in every process and version: gateways that share nothing choose the same node.
 *
 * @returns An integer, 0 to 2³² − 1.
 */
export function hashText(text: string, seed: number): number {
  let hash = seed;
  for (let index = 0; index < text.length; index += 1) {
    hash = Math.imul(hash ^ text.charCodeAt(index), 0x01000193);
  }
  return mix(hash);
}

/** Scatters an integer over all of 32 bits, one to one: the finalizer of MurmurHash3. */
export function mix(value: number): number {
  let mixed = value;
  mixed = Math.imul(mixed ^ (mixed >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return (mixed ^ (mixed >>> 16)) >>> 0;
}

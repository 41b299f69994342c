/*
 * What a byte may be part of. One table per grammar rule, since a lookup costs the same whatever the rule.
 */

function table(accepts: (byte: number) => boolean): Uint8Array {
  return Uint8Array.from({ length: 256 }, (_, byte) => (accepts(byte) ? 1 : 0));
}

const symbols: ReadonlySet<number> = new Set(Buffer.from("!#$%&'*+-.^_`|~"));

function isAlphanumeric(byte: number): boolean {
  return (
    (byte >= 0x30 && byte <= 0x39) ||
    (byte >= 0x41 && byte <= 0x5a) ||
    (byte >= 0x61 && byte <= 0x7a)
  );
}

/** `tchar`: methods and field names. RFC 9110 §5.6.2. */
export const tokenByte: Uint8Array = table((byte) => isAlphanumeric(byte) || symbols.has(byte));

/** Field values: visible bytes, obs-text, space and tab. RFC 9110 §5.5. */
export const valueByte: Uint8Array = table(
  (byte) => byte === 0x09 || (byte >= 0x20 && byte !== 0x7f),
);

/**
 * Request targets: visible ASCII but `#`, which is no part of one. Characters that a URI should have escaped
 * are let through, for clients that do not; bytes above ASCII are not, for not all readers do. RFC 9112 §3.2.
 */
export const targetByte: Uint8Array = table((byte) => byte > 0x20 && byte < 0x7f && byte !== 0x23);

/** Value of a hexadecimal digit; -1 for any other byte. */
export const hexDigit: Int8Array = Int8Array.from({ length: 256 }, (_, byte) => {
  if (byte >= 0x30 && byte <= 0x39) return byte - 0x30;
  const lower = byte | 0x20;
  return lower >= 0x61 && lower <= 0x66 ? lower - 0x57 : -1;
});

export const CR = 0x0d;
export const LF = 0x0a;
export const SP = 0x20;
export const TAB = 0x09;
export const COLON = 0x3a;
export const DOT = 0x2e;

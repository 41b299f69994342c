import { createHash, randomBytes, timingSafeEqual } from "node:crypto";

/** Who logs in, and as what the server names itself in the digest. */
export interface DigestLogin {
  readonly username: string;
  readonly password: string;
  /** `digest-uri`: the server's protocol and host, which for ZooKeeper are fixed words. */
  readonly uri: string;
}

/** The client's answer to a challenge, and whether the server's last word proves that it knows the password. */
export interface DigestAnswer {
  readonly token: Buffer;
  proves(lastToken: Buffer): boolean;
}

/**
 * Answers a challenge of the SASL mechanism DIGEST-MD5, as authentication only.
 *
 * @param nonce  The client's own; default: a new random one.
 * @throws RangeError when the challenge is none or asks for what we do not do.
 * @see https://www.rfc-editor.org/rfc/rfc2831
 */
export function answerChallenge(
  challenge: Buffer,
  { username, password, uri }: DigestLogin,
  nonce: string = randomBytes(24).toString("base64"),
): DigestAnswer {
  const asked = directives(challenge.toString("utf8"));
  const serverNonce = asked.get("nonce");
  if (serverNonce === undefined) throw new RangeError("the challenge has no nonce");
  const offered = (asked.get("qop") ?? "auth").split(",").map((one) => one.trim());
  if (!offered.includes("auth")) throw new RangeError("the server asks for more than a log-in");
  const realm = asked.get("realm") ?? "";
  // §2.1.2.1: A1 begins with the hash of the user's secret, raw.
  const secret = md5(joined(username, realm, password));
  const start = md5(Buffer.concat([secret, Buffer.from(`:${serverNonce}:${nonce}`)])).toString(
    "hex",
  );
  const response = (method: string): string =>
    hex(`${start}:${serverNonce}:00000001:${nonce}:auth:${hex(`${method}:${uri}`)}`);
  const fields = [
    "charset=utf-8",
    `username=${quoted(username)}`,
    `realm=${quoted(realm)}`,
    `nonce=${quoted(serverNonce)}`,
    "nc=00000001",
    `cnonce=${quoted(nonce)}`,
    `digest-uri=${quoted(uri)}`,
    "maxbuf=65536",
    `response=${response("AUTHENTICATE")}`,
    "qop=auth",
  ];
  return {
    token: Buffer.from(fields.join(",")),
    proves(lastToken) {
      const proof = Buffer.from(directives(lastToken.toString("utf8")).get("rspauth") ?? "");
      const expected = Buffer.from(response(""));
      return proof.length === expected.length && timingSafeEqual(proof, expected);
    },
  };
}

/** `key=value, key="quoted \"value\""`. */
function directives(text: string): Map<string, string> {
  const found = new Map<string, string>();
  for (const [, key = "", inQuotes, bare] of text.matchAll(
    /([\w-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/gs,
  )) {
    const value = inQuotes === undefined ? (bare ?? "") : inQuotes.replaceAll(/\\(.)/gs, "$1");
    if (!found.has(key.toLowerCase())) found.set(key.toLowerCase(), value);
  }
  return found;
}

/** §2.1.2.1: what fits into ISO 8859-1 is hashed as that, the rest as UTF-8. */
function joined(...texts: readonly string[]): Buffer {
  const bytes = texts.map((text) =>
    Buffer.from(text, /^[\u0000-\u00ff]*$/.test(text) ? "latin1" : "utf8"),
  );
  const colon = Buffer.from(":");
  return Buffer.concat(bytes.flatMap((one, index) => (index === 0 ? [one] : [colon, one])));
}

function quoted(text: string): string {
  return `"${text.replaceAll(/["\\]/g, "\\$&")}"`;
}

function md5(input: string | Buffer): Buffer {
  return createHash("md5").update(input).digest();
}

function hex(input: string): string {
  return md5(input).toString("hex");
}

import { createHash, timingSafeEqual } from "node:crypto";

/** The one user of a server that asks for Basic authentication (RFC 7617). */
export interface EurekaCredentials {
  /** Not empty, without a colon. */
  readonly username: string;
  readonly password: string;
}

/** Tells whether an `Authorization` header carries the credentials, in the same time for every answer. */
export function basicAuth(
  credentials: EurekaCredentials,
): (authorization: string | undefined) => boolean {
  const expected = digest(`${credentials.username}:${credentials.password}`);
  return (authorization) => {
    const token = /^basic +([A-Za-z0-9+/=_-]+) *$/i.exec(authorization ?? "")?.[1];
    // Decoded, so that every base64 spelling of the same credentials is equal.
    return timingSafeEqual(digest(Buffer.from(token ?? "", "base64")), expected);
  };
}

function digest(value: string | Buffer): Buffer {
  return createHash("sha256").update(value).digest();
}

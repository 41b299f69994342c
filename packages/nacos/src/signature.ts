import { createHmac } from "node:crypto";

/** What a signed request carries, as parameters over HTTP and as headers over gRPC. */
export interface Signature {
  readonly ak: string;
  readonly data: string;
  readonly signature: string;
}

/**
 * Signs a request for one service the way the Nacos clients do (HMAC-SHA1 of time and name).
 *
 * @param subject  `GROUP@@service`; undefined for requests about none.
 * @param unixMs  The time of signing.
 */
export function sign(
  { accessKey, secretKey }: { readonly accessKey: string; readonly secretKey: string },
  subject: string | undefined,
  unixMs: number,
): Signature {
  const data = subject === undefined ? String(unixMs) : `${unixMs}@@${subject}`;
  const signature = createHmac("sha1", secretKey).update(data, "utf8").digest("base64");
  return { ak: accessKey, data, signature };
}

const idempotent: ReadonlySet<string> = new Set([
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
]);

const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

/** Whether a request may be sent again when it is unclear whether it arrived. RFC 9110 §9.2.2. */
export function isIdempotent(method: string): boolean {
  return idempotent.has(method);
}

/** Whether a request says nothing about a body that it does not have. RFC 9110 §8.6. */
export function isBodiless(method: string): boolean {
  return bodiless.has(method);
}

/** In the order of how often they are met. */
const common = ["GET", "POST", "HEAD", "PUT", "DELETE", "PATCH", "OPTIONS"] as const;

/** Methods that mean the same whether they come once or more often. RFC 9110 §9.2.2. */
export const idempotentMethods: readonly string[] = [
  "GET",
  "HEAD",
  "OPTIONS",
  "TRACE",
  "PUT",
  "DELETE",
];

const bodiless: ReadonlySet<string> = new Set(["GET", "HEAD", "DELETE", "OPTIONS", "TRACE"]);

/** Whether a request says nothing about a body that it does not have. RFC 9110 §8.6. */
export function isBodiless(method: string): boolean {
  return bodiless.has(method);
}

/**
 * The first `end` characters of a head. One of the common ones is always the same string, so that the sets
 * above need not hash it anew.
 */
export function methodOf(head: string, end: number): string {
  for (const method of common) {
    if (method.length === end && head.startsWith(method)) return method;
  }
  return head.slice(0, end);
}

const secretKeys: ReadonlySet<PropertyKey> = new Set([
  "password",
  "token",
  "key",
  "client_key",
  "username",
  "user",
  "access_key",
  "secret_key",
  // A check may have to show who asks.
  "req_headers",
]);

/** What stands in place of a secret. */
export const redacted = "***";

/** Whether the value under this configuration key is never shown. */
export function isSecretKey(key: PropertyKey | undefined): boolean {
  return key !== undefined && secretKeys.has(key);
}

/** Hides `user:password@` in a URL; split at the last `@`, as the registries' clients do. */
export function redactText(text: string): string {
  const at = text.lastIndexOf("@");
  if (at < 0) return text;
  const scheme = /^[a-z][a-z0-9+.-]*:\/\//i.exec(text)?.[0] ?? "";
  return `${scheme}${redacted}@${text.slice(at + 1)}`;
}

/** A deep copy of configuration data without its secrets, for the admin listener and logs. */
export function redact(value: unknown, key?: string): unknown {
  if (Array.isArray(value)) return value.map((item) => redact(item, key));
  if (typeof value === "object" && value !== null) {
    return Object.fromEntries(
      Object.entries(value).map(([name, inner]) => [name, redact(inner, name)]),
    );
  }
  if (isSecretKey(key) && value !== undefined && value !== null) return redacted;
  return key === "host" && typeof value === "string" ? redactText(value) : value;
}

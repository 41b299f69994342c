import { DiscoveryError } from "@rollcall/core";

/** A text of bounded length without control characters; `undefined` stays so. */
export function text(field: string, value: unknown, maxLength: number): string | undefined {
  if (value === undefined) return undefined;
  if (
    typeof value !== "string" ||
    value.length === 0 ||
    value.length > maxLength ||
    /[\u0000-\u001f\u007f]/.test(value)
  ) {
    throw invalid(
      `${field} must be a text of 1 to ${maxLength} characters without control characters, got ${show(value)}`,
    );
  }
  return value;
}

/** A whole number within bounds, or the fallback. */
export function integer(
  field: string,
  value: unknown,
  [fallback, min, max]: readonly [number, number, number],
): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(`${field} must be a whole number from ${min} to ${max}, got ${show(value)}`);
  }
  return value;
}

/** True or false, or the fallback. */
export function flag(field: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") {
    throw invalid(`${field} must be true or false, got ${show(value)}`);
  }
  return value;
}

/** One of a few words, or the first. */
export function choice<T extends string>(
  field: string,
  value: unknown,
  words: readonly [T, ...T[]],
): T {
  if (value === undefined) return words[0];
  const found = words.find((word) => word === value);
  if (found === undefined) {
    throw invalid(`${field} must be one of ${words.join(", ")}, got ${show(value)}`);
  }
  return found;
}

/** A list of texts; without one, none. */
export function texts(
  field: string,
  value: unknown,
  [maxCount, maxLength]: readonly [number, number],
): readonly string[] {
  if (value === undefined) return [];
  if (!Array.isArray(value) || value.length > maxCount) {
    throw invalid(`${field} must be a list of at most ${maxCount} texts`);
  }
  return value.map((one: unknown, index) => {
    const checked = text(`${field}[${index}]`, one, maxLength);
    if (checked === undefined) throw invalid(`${field}[${index}] must be a text`);
    return checked;
  });
}

/** An object of options; without one, an empty one. */
export function section<T extends object>(field: string, value: T | undefined): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`${field} must be an object`);
  }
  return value;
}

/** A value as an error may show it. */
export function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

/** The error of a bad option. */
export function invalid(reason: string): DiscoveryError {
  return new DiscoveryError({
    code: "INVALID",
    registry: "consul",
    operation: "read options",
    reason,
  });
}

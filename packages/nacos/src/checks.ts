import { DiscoveryError } from "@rollcall/core";

/** Checks of single options; each throws `INVALID` with the option's name, its value and its bounds. */

/** A text without control characters, or undefined. */
export function text(field: string, value: unknown, maxLength: number): string | undefined {
  if (value === undefined) return undefined;
  if (
    typeof value !== "string" ||
    value.length === 0 ||
    value.length > maxLength ||
    /[\u0000-\u001f\u007f]/.test(value)
  ) {
    const bound = `a text of 1 to ${maxLength} characters without control characters`;
    throw invalid(`${field} must be ${bound}, got ${show(value)}`);
  }
  return value;
}

/** A secret: as {@link text}, but never shown and free in its characters. */
export function secret(field: string, value: unknown): string | undefined {
  if (value === undefined) return undefined;
  if (typeof value !== "string" || value.length === 0 || value.length > 4_096) {
    throw invalid(`${field} must be a text of 1 to 4096 characters`);
  }
  return value;
}

/** A whole number within bounds, or `fallback`. */
export function integer(
  field: string,
  value: unknown,
  [fallback, min, max]: readonly [fallback: number, min: number, max: number],
): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !Number.isInteger(value) || value < min || value > max) {
    throw invalid(`${field} must be a whole number from ${min} to ${max}, got ${show(value)}`);
  }
  return value;
}

/** A finite number within bounds, or `fallback`. */
export function number(
  field: string,
  value: unknown,
  [fallback, min, max]: readonly [fallback: number, min: number, max: number],
): number {
  if (value === undefined) return fallback;
  if (typeof value !== "number" || !(value >= min && value <= max)) {
    throw invalid(`${field} must be a number from ${min} to ${max}, got ${show(value)}`);
  }
  return value;
}

/** `true` or `false`. */
export function flag(field: string, value: unknown, fallback: boolean): boolean {
  if (value === undefined) return fallback;
  if (typeof value !== "boolean") {
    throw invalid(`${field} must be true or false, got ${show(value)}`);
  }
  return value;
}

/** A function, or `fallback`. */
export function callback<T extends (...args: never[]) => unknown>(
  field: string,
  value: T | undefined,
  fallback: T,
): T {
  if (value === undefined) return fallback;
  if (typeof value !== "function") throw invalid(`${field} must be a function`);
  return value;
}

/** An object of further options. */
export function section<T extends object>(field: string, value: T | undefined): Partial<T> {
  if (value === undefined) return {};
  if (typeof value !== "object" || value === null || Array.isArray(value)) {
    throw invalid(`${field} must be an object`);
  }
  return value;
}

/** A value as it may stand in an error. */
export function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

/** The error of a bad option. */
export function invalid(reason: string): DiscoveryError {
  return new DiscoveryError({
    code: "INVALID",
    registry: "nacos",
    operation: "read options",
    reason,
  });
}

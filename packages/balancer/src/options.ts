// The global one is a getter, which costs as much as the time itself.
import { performance } from "node:perf_hooks";

import { type OptionChecks, optionChecks, show } from "@rollcall/core/adapter";

/** Default and bounds of a number. */
export interface NumberRule {
  readonly fallback: number;
  readonly min: number;
  readonly max: number;
  /** Fractions are fine. Default: whole numbers only. */
  readonly fraction?: true;
}

/** One day: the bound of every time, in ms. */
export const dayMs = 86_400_000;

const checks = optionChecks("balancer");

/** The options themselves, or an object of further ones; a misspelled one is refused. */
export const section: OptionChecks["section"] = checks.section;

/** A refused option. */
export const invalid: OptionChecks["invalid"] = checks.invalid;

/**
 * Checks the numbers of an options object and fills in the defaults.
 *
 * @param prefix  What messages put before the names, such as `slowStart.`.
 * @throws {@link DiscoveryError} `INVALID`, naming the option, what it must be and what it is.
 */
export function resolveNumbers<Name extends string>(
  prefix: string,
  options: object,
  rules: Readonly<Record<Name, NumberRule>>,
): Record<Name, number> {
  const given: { readonly [N in Name]?: unknown } = options;
  const numbers: Partial<Record<Name, number>> = {};
  for (const name of Object.keys(rules) as Name[]) {
    numbers[name] = resolveNumber(`${prefix}${name}`, given[name], rules[name]);
  }
  return numbers as Record<Name, number>;
}

function resolveNumber(field: string, value: unknown, rule: NumberRule): number {
  if (value === undefined) return rule.fallback;
  const fits =
    typeof value === "number" &&
    (rule.fraction === true ? Number.isFinite(value) : Number.isInteger(value)) &&
    value >= rule.min &&
    value <= rule.max;
  if (fits) return value;
  const kind = rule.fraction === true ? "number" : "whole number";
  throw invalid(`${field} must be a ${kind} from ${rule.min} to ${rule.max}, got ${show(value)}`);
}

/** @throws {@link DiscoveryError} `INVALID` when it is not a function. */
export function resolveRandom(value: (() => number) | undefined): () => number {
  return resolveFunction("random", value, Math.random);
}

/** @throws {@link DiscoveryError} `INVALID` when it is not a function. */
export function resolveClock(value: (() => number) | undefined): () => number {
  return resolveFunction("monotonicMs", value, () => performance.now());
}

/** @throws {@link DiscoveryError} `INVALID` when it is not a function. */
export function resolveListener<T>(
  field: string,
  value: ((told: T) => void) | undefined,
): (told: T) => void {
  return resolveFunction<(told: T) => void>(field, value, () => undefined);
}

function resolveFunction<F>(field: string, value: unknown, fallback: F): F {
  if (value === undefined) return fallback;
  if (typeof value === "function") return value as F;
  throw invalid(`${field} must be a function, got ${show(value)}`);
}

import { DiscoveryError } from "../error.ts";
import { defaultWeight } from "../node.ts";
import { pemProblem, type TlsFiles } from "./pem-problem.ts";

/** Default, minimum and maximum of a number. */
export type NumberBounds = readonly [fallback: number, min: number, max: number];

/** Every option of an object, by name: a list that the compiler keeps complete. */
export type OptionNames<T> = Readonly<Record<keyof T, true>>;

/** What an adapter's `tls` options hold. */
export interface TlsOptions extends TlsFiles {
  readonly serverName?: string | undefined;
  readonly verify?: boolean | undefined;
}

const tlsNames: OptionNames<TlsOptions> = {
  ca: true,
  cert: true,
  key: true,
  serverName: true,
  verify: true,
};

/**
 * The checks of an adapter's options. `undefined` is an option that was not given; a bad one throws `INVALID`, which
 * names the option, what it must be and, where that cannot be a secret, what it is.
 */
export interface OptionChecks {
  /**
   * `options` themselves, or an object of further ones. One that is not among `names`, a misspelled one, is refused.
   *
   * @param names  Default: any.
   */
  readonly section: <T extends object>(
    field: string,
    value: T | undefined,
    names?: OptionNames<T>,
  ) => { readonly [Name in keyof T]?: T[Name] };
  /** 1 to `maxLength` characters, none a control character. */
  readonly text: (field: string, value: unknown, maxLength: number) => string | undefined;
  /** As {@link OptionChecks.text}, but never shown, and free in its characters. */
  readonly secret: (field: string, value: unknown) => string | undefined;
  readonly texts: (
    field: string,
    value: unknown,
    bounds: readonly [maxCount: number, maxLength: number],
  ) => readonly string[];
  readonly integer: (field: string, value: unknown, bounds: NumberBounds) => number;
  /** Finite, fractions too. */
  readonly number: (field: string, value: unknown, bounds: NumberBounds) => number;
  /** Of a node whose record has none: finite, from 0. */
  readonly weight: (field: string, value: unknown, fallback?: number) => number;
  readonly flag: (field: string, value: unknown, fallback: boolean) => boolean;
  /** One of these; without one, the first. */
  readonly choice: <T extends string>(
    field: string,
    value: unknown,
    words: readonly [T, ...T[]],
  ) => T;
  readonly callback: <T extends (...args: never[]) => unknown>(
    field: string,
    value: T | undefined,
    fallback: T,
  ) => T;
  readonly tls: <T extends TlsOptions>(value: T | undefined) => T | undefined;
  /** The error of a bad option. */
  readonly invalid: (reason: string) => DiscoveryError;
}

/**
 * @param registry  For errors; type of the registry where its name is an option itself.
 * @param operation  For errors. Default `read options`.
 */
export function optionChecks(registry: string, operation = "read options"): OptionChecks {
  const invalid = (reason: string): DiscoveryError =>
    new DiscoveryError({ code: "INVALID", registry, operation, reason });

  const section: OptionChecks["section"] = (field, value, names) => {
    if (value === undefined) return {};
    if (typeof value !== "object" || value === null || Array.isArray(value)) {
      throw invalid(`${field} must be an object, got ${show(value)}`);
    }
    if (names === undefined) return value;
    for (const [name, given] of Object.entries(value)) {
      if (given === undefined || Object.hasOwn(names, name)) continue;
      const shown = /^\w{1,80}$/.test(name) ? name : show(name);
      const path = field === "options" ? shown : `${field}.${shown}`;
      throw invalid(`${path} is not an option; there are ${Object.keys(names).sort().join(", ")}`);
    }
    return value;
  };

  const text: OptionChecks["text"] = (field, value, maxLength) => {
    if (value === undefined) return undefined;
    const fits =
      typeof value === "string" &&
      value.length > 0 &&
      value.length <= maxLength &&
      !/[\u0000-\u001f\u007f]/.test(value);
    if (fits) return value;
    const bound = `a text of 1 to ${maxLength} characters without control characters`;
    throw invalid(`${field} must be ${bound}, got ${show(value)}`);
  };

  const ranged = (kind: string, fits: (value: number) => boolean): OptionChecks["number"] => {
    return (field, value, [fallback, min, max]) => {
      if (value === undefined) return fallback;
      if (typeof value === "number" && fits(value) && value >= min && value <= max) return value;
      throw invalid(`${field} must be a ${kind} from ${min} to ${max}, got ${show(value)}`);
    };
  };

  const flag: OptionChecks["flag"] = (field, value, fallback) => {
    if (value === undefined) return fallback;
    if (typeof value === "boolean") return value;
    throw invalid(`${field} must be true or false, got ${show(value)}`);
  };

  return {
    section,
    text,
    secret(field, value) {
      if (value === undefined) return undefined;
      if (typeof value === "string" && value.length > 0 && value.length <= 4_096) return value;
      throw invalid(`${field} must be a text of 1 to 4096 characters`);
    },
    texts(field, value, [maxCount, maxLength]) {
      if (value === undefined) return [];
      if (!Array.isArray(value) || value.length > maxCount) {
        throw invalid(`${field} must be a list of at most ${maxCount} texts`);
      }
      return value.map((one: unknown, index) => {
        const checked = text(`${field}[${index}]`, one, maxLength);
        if (checked === undefined) throw invalid(`${field}[${index}] must be a text`);
        return checked;
      });
    },
    integer: ranged("whole number", Number.isInteger),
    number: ranged("number", Number.isFinite),
    weight(field, value, fallback = defaultWeight) {
      if (value === undefined) return fallback;
      if (typeof value === "number" && Number.isFinite(value) && value >= 0) return value;
      throw invalid(`${field} must be a finite number >= 0, got ${show(value)}`);
    },
    flag,
    choice(field, value, words) {
      if (value === undefined) return words[0];
      const found = words.find((word) => word === value);
      if (found !== undefined) return found;
      throw invalid(`${field} must be one of ${words.join(", ")}, got ${show(value)}`);
    },
    callback(field, value, fallback) {
      if (value === undefined) return fallback;
      if (typeof value === "function") return value;
      throw invalid(`${field} must be a function, got ${show(value)}`);
    },
    tls(value) {
      if (value === undefined) return undefined;
      const { ca, cert, key, serverName, verify } = section<TlsOptions>("tls", value, tlsNames);
      flag("tls.verify", verify, true);
      text("tls.serverName", serverName, 253);
      const problem = pemProblem({ ca, cert, key });
      if (problem !== undefined) throw invalid(problem);
      return Object.freeze({ ...value });
    },
    invalid,
  };
}

/** A value as an error may show it: short, and nothing of what an object or a function holds. */
export function show(value: unknown): string {
  if (typeof value === "string") return JSON.stringify(value.slice(0, 80));
  if (Array.isArray(value)) return "a list";
  if (typeof value === "object" && value !== null) return "an object";
  if (typeof value === "function") return "a function";
  if (typeof value === "bigint") return `${value}n`.slice(0, 80);
  return String(value).slice(0, 80);
}

import type { ProxyOptions, ProxySettings } from "./contract.ts";
import { limitBounds, type ProxyLimits } from "./limits.ts";

/** All but the bounds: a list that the compiler keeps complete. */
const names: Readonly<Record<Exclude<keyof ProxyOptions, keyof ProxyLimits>, true>> = {
  route: true,
  describeFailure: true,
  onCompleted: true,
  onError: true,
  onHandshake: true,
  allowAddress: true,
  nodeTls: true,
  reads: true,
  reusePort: true,
  repeatMethods: true,
  trustedProxies: true,
  trustedFields: true,
  halfClose: true,
};

const functions = [
  "route",
  "describeFailure",
  "onCompleted",
  "onError",
  "onHandshake",
  "allowAddress",
] as const;

const method = /^[!#$%&'*+.^_`|~0-9A-Z-]+$/;

/**
 * Options that would be misunderstood or not be noticed: wrong kinds, wrong words, names that are none. Bounds
 * check themselves.
 *
 * @throws TypeError, or RangeError for a value out of bounds, that names the option, what it must be and what it is.
 */
export function checkOptions(options: ProxyOptions): void {
  checkSettings(options);
  for (const name of functions) {
    const value: unknown = options[name];
    const isLeftOut = value === undefined && name !== "route";
    if (!isLeftOut && typeof value !== "function") throw wrongKind(name, "a function", value);
  }
  checkWord("reads", options.reads, ["shared", "public"]);
  const { reusePort, nodeTls } = options;
  if (reusePort !== undefined && typeof reusePort !== "boolean") {
    throw wrongKind("reusePort", "true or false", reusePort);
  }
  // Never shown: it may be a key.
  if (nodeTls !== undefined && (typeof nodeTls !== "object" || nodeTls === null)) {
    throw new TypeError("nodeTls must be an object such as { ca }");
  }
}

/** As {@link checkOptions}, of what may be changed later. */
export function checkSettings(settings: ProxySettings): void {
  if (typeof settings !== "object" || settings === null) {
    throw wrongKind("options", "an object", settings);
  }
  for (const [name, value] of Object.entries(settings)) {
    if (value === undefined || Object.hasOwn(names, name) || Object.hasOwn(limitBounds, name)) {
      continue;
    }
    const known = [...Object.keys(names), ...Object.keys(limitBounds)].sort().join(", ");
    const shown = /^\w{1,80}$/.test(name) ? name : show(name);
    throw new TypeError(`${shown} is not an option; there are ${known}`);
  }
  checkWord("halfClose", settings.halfClose, ["cancel", "serve"]);
  const { repeatMethods = [], trustedProxies = [] } = settings;
  for (const [name, list] of Object.entries({ repeatMethods, trustedProxies })) {
    if (!Array.isArray(list)) throw wrongKind(name, "a list", list);
  }
  for (const one of repeatMethods) {
    if (typeof one === "string" && method.test(one)) continue;
    throw new RangeError(
      `repeatMethods must hold methods in capitals, such as GET, got ${show(one)}`,
    );
  }
}

function checkWord(name: string, value: unknown, words: readonly string[]): void {
  if (value === undefined || words.includes(value as string)) return;
  throw new RangeError(`${name} must be one of ${words.join(", ")}, got ${show(value)}`);
}

function wrongKind(name: string, kind: string, value: unknown): TypeError {
  return new TypeError(`${name} must be ${kind}, got ${show(value)}`);
}

function show(value: unknown): string {
  return (JSON.stringify(value) ?? String(value)).slice(0, 80);
}

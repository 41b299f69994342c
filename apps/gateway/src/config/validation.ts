import * as z from "zod";

import type { ConfigDocument, Path } from "./document.ts";
import type { Problem } from "./problem.ts";
import { isSecretKey, redactText } from "./redaction.ts";
import { notInThisVersion, unsupportedKeys, unsupportedRegistries } from "./refusal.ts";
import { kindOf, registryTypes } from "./registries/kinds.ts";
import { showPath } from "./show-path.ts";
import { suggest } from "./suggestion.ts";

type Issue = z.core.$ZodIssue;

/** What the schema says about one document. */
export interface Validation {
  readonly problems: readonly Problem[];
  /** Whether nothing is wrong at `path`, above it or below it, but for unknown keys. */
  isGood(path: Path): boolean;
  /**
   * The value at `path` without whatever is wrong or unknown in it, so that the rest can be checked
   * further; a list with a wrong item goes as a whole. `undefined` when nothing is left.
   */
  soundPart(path: Path): unknown;
}

/** Checks a document against the schema of its kind of file. */
export function validate(document: ConfigDocument, schema: z.ZodType): Validation {
  const issues = check(document, schema);
  const problems = issues.flatMap((issue) => explain(document, schema, issue));
  const bad = issues
    .filter((issue) => issue.code !== "unrecognized_keys")
    .map((issue) => issue.path);
  const wrong = new Set(
    issues.flatMap((issue) =>
      issue.code === "unrecognized_keys"
        ? issue.keys.map((key) => showPath([...issue.path, key]))
        : [showPath(issue.path)],
    ),
  );
  return {
    problems,
    isGood: (path) => !bad.some((other) => startsWith(path, other) || startsWith(other, path)),
    soundPart: (path) => soundPart(document.at(path), path, wrong),
  };
}

function soundPart(value: unknown, path: Path, wrong: ReadonlySet<string>): unknown {
  if (wrong.has(showPath(path))) return undefined;
  if (Array.isArray(value)) {
    const items = value.map((item, index) => soundPart(item, [...path, index], wrong));
    return items.includes(undefined) ? undefined : items;
  }
  if (typeof value !== "object" || value === null) return value;
  const entries = Object.entries(value)
    .map(([key, inner]) => [key, soundPart(inner, [...path, key], wrong)] as const)
    .filter(([, inner]) => inner !== undefined);
  return Object.fromEntries(entries);
}

function check(document: ConfigDocument, schema: z.ZodType): readonly Issue[] {
  const result = schema.safeParse(document.value);
  const issues = (result.error?.issues ?? []).flatMap(flatten);
  let restored = false;
  for (const issue of issues) {
    // "0123" from the environment is a number in YAML's eyes and a fine password.
    if (issue.code === "invalid_type" && issue.expected === "string") {
      restored = document.restoreText(issue.path) || restored;
    }
  }
  return restored ? check(document, schema) : issues;
}

/** Replaces a union's issue by those of the one branch that was meant, if there is one. */
function flatten(issue: Issue): readonly Issue[] {
  if (issue.code !== "invalid_union") return [issue];
  const meant = issue.errors.find((errors) => errors.every((inner) => inner.path.length > 0));
  if (meant === undefined || meant.length === 0) return [issue];
  return meant.flatMap((inner) => flatten({ ...inner, path: [...issue.path, ...inner.path] }));
}

function explain(document: ConfigDocument, schema: z.ZodType, issue: Issue): Problem[] {
  const { path } = issue;
  if (path[0] === "discovery" && path.length >= 2) {
    const refused = refusedRegistry(document, String(path[1]));
    if (refused !== undefined) return [refused];
  }
  if (issue.code === "unrecognized_keys") {
    return issue.keys.flatMap((key) => unknownKey(document, schema, path, key));
  }
  if (issue.code === "invalid_key") {
    const inner = issue.issues[0]?.message ?? "is not a valid name";
    return [document.keyProblem(path, `the name ${showPath(path)} ${inner}`)];
  }
  const value = document.at(path);
  const name = path.length === 0 ? "the file" : showPath(path);
  if (value === undefined) {
    return [document.problem(path, `${name} is missing; it ${issue.message}`)];
  }
  return [document.problem(path, `${name} ${issue.message}${got(document, path, value)}`)];
}

function unknownKey(
  document: ConfigDocument,
  schema: z.ZodType,
  path: Path,
  key: string,
): Problem[] {
  const place = [...path, key];
  const shown = showPath(place);
  const kind = kindAt(path);
  if ((unsupportedKeys[kind] ?? []).includes(key)) {
    // An empty list says nothing, so nothing is lost: files exported by tools have them.
    if (kind === "file" && isEmpty(document.at(place))) return [];
    return [document.keyProblem(place, `${shown} is ${notInThisVersion}`)];
  }
  const meant = suggest(key, keysAt(document, schema, path));
  if (meant !== undefined) {
    return [document.keyProblem(place, `${shown} is not a known key; did you mean "${meant}"?`)];
  }
  if (kind === "plugins") {
    const known = keysAt(document, schema, path).join(", ");
    const message = `the plugin ${shown} is ${notInThisVersion} (supported: ${known})`;
    return [document.keyProblem(place, message)];
  }
  const known = keysAt(document, schema, path).join(", ");
  return [document.keyProblem(place, `${shown} is not a known key; known here: ${known}`)];
}

/** A registry of a kind this version does not have makes every other complaint about it moot. */
function refusedRegistry(document: ConfigDocument, name: string): Problem | undefined {
  const path = ["discovery", name];
  const given = document.at([...path, "type"]);
  const type = typeof given === "string" ? given : given === undefined ? name : undefined;
  if (type === undefined || registryTypes.includes(type)) return undefined;
  const known = registryTypes.join(", ");
  const where = given === undefined ? path : [...path, "type"];
  if (unsupportedRegistries.includes(type)) {
    const message = `${showPath(path)}: the registry type ${type} is ${notInThisVersion} (supported: ${known})`;
    return document.keyProblem(where, message);
  }
  if (given === undefined) return undefined;
  const hint = suggest(type, [...registryTypes, ...unsupportedRegistries]);
  const fix = hint === undefined ? `supported: ${known}` : `did you mean "${hint}"?`;
  return document.keyProblem(where, `${showPath(where)} is not a registry type; ${fix}`);
}

/** What kind of object stands at `path`, as {@link unsupportedKeys} calls it. */
function kindAt(path: Path): string {
  const last = path.at(-1);
  if (last === undefined) return "file";
  if (last === "plugins" || last === "upstream" || last === "tls") return last;
  if (last === "proxy-rewrite") return "rewrite";
  if (last === "active" && path.at(-2) === "checks") return "active";
  if (last === "warm_up_conf") return "warm_up";
  if (path.length !== 2) return "";
  const kinds: Record<string, string> = {
    listen: "listen",
    routes: "route",
    services: "service",
    ssls: "ssl",
    upstreams: "upstream",
  };
  return kinds[String(path[0])] ?? "";
}

function keysAt(document: ConfigDocument, schema: z.ZodType, path: Path): readonly string[] {
  let here: z.core.$ZodType = bare(schema);
  let rest = path;
  if (path[0] === "discovery" && path.length >= 2) {
    // Its shape depends on what it says of itself.
    here = bare(kindOf(String(path[1]), document.at(path.slice(0, 2)))?.schema);
    rest = path.slice(2);
  }
  for (const key of rest) {
    if (here instanceof z.ZodObject) here = bare(here.shape[String(key)]);
    else if (here instanceof z.ZodArray) here = bare(here.element);
    else if (here instanceof z.ZodRecord) here = bare(here.valueType);
    else if (here instanceof z.ZodUnion) here = bare(here.options[0]);
    else return [];
    if (here instanceof z.ZodUnion && typeof key === "number") here = bare(here.options[0]);
  }
  return here instanceof z.ZodObject ? Object.keys(here.shape) : [];
}

function bare(schema: z.core.$ZodType | undefined): z.core.$ZodType {
  if (schema instanceof z.ZodOptional || schema instanceof z.ZodNullable) {
    return bare(schema.unwrap());
  }
  return schema ?? z.never();
}

function got(document: ConfigDocument, path: Path, value: unknown): string {
  if (path.length === 0) return "";
  // An item of a list is as secret as the list.
  const name = path.findLast((step) => typeof step !== "number");
  if (isSecretKey(name) || document.isFromEnvironment(path)) return "";
  if (typeof value === "string") {
    const shown = redactText(value);
    return `, got ${JSON.stringify(shown.length > 80 ? `${shown.slice(0, 80)}…` : shown)}`;
  }
  if (value === null) return ", got nothing";
  if (Array.isArray(value)) return ", got a list";
  if (typeof value === "number" || typeof value === "boolean") return `, got ${value}`;
  return ", got a map";
}

function isEmpty(value: unknown): boolean {
  if (value === null || value === undefined) return true;
  return typeof value === "object" && Object.keys(value).length === 0;
}

function startsWith(path: Path, start: Path): boolean {
  return start.every((key, index) => path[index] === key);
}

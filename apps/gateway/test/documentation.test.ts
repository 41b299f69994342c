import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

import { createAuthority } from "@rollcall/testbed";
import { describe, expect, test } from "vitest";

import { unsupportedKeys, unsupportedRegistries } from "../src/config/refusal.ts";
import { configJsonSchema, formatProblem, loadConfig, registryFactories } from "../src/index.ts";
import { checkRegistries } from "../src/run.ts";
import { testDirectory } from "./config-file.ts";
import { gatewayUnderTest } from "./gateway-under-test.ts";

const root = fileURLToPath(new URL("../../../", import.meta.url));

const documents = [
  "README.md",
  "apps/gateway/README.md",
  "docs/configuration.md",
  "docs/migrating-from-apisix.md",
];

interface Snippet {
  readonly place: string;
  readonly text: string;
}

/** The fenced `yaml` blocks of a document, also those within list items. */
function snippets(file: string): readonly Snippet[] {
  const text = readFileSync(join(root, file), "utf8");
  return [...text.matchAll(/^( *)```yaml\n([^]*?)^ *```$/gm)].map(
    ([, indent = "", body = ""], index) => ({
      place: `${file} ${index + 1}`,
      text: body.replaceAll(new RegExp(`^${indent}`, "gm"), ""),
    }),
  );
}

/** What a part of a file needs besides to be a whole one. */
function completed(text: string): string {
  const has = (key: string): boolean => new RegExp(`^${key}:`, "m").test(text);
  const discovery = 'discovery: { eureka: { host: ["http://127.0.0.1:8761"] } }\n';
  return [
    has("listen") ? "" : "listen: [{ port: 9080 }]\n",
    has("discovery") ? "" : discovery,
    has("routes") ? "" : "routes: []\n",
    text,
  ].join("");
}

const authority = createAuthority();

describe("YAML in documents passes --check", () => {
  const all = documents.flatMap(snippets);

  test("there is some", () => {
    expect(all.length).toBeGreaterThan(8);
  });

  test.each(all)("$place", async ({ text }) => {
    const directory = testDirectory();
    const configFile = join(directory, "rollcall.yaml");
    writeFileSync(configFile, completed(text));
    writeFileSync(join(directory, "registry-ca.pem"), authority.caPem);
    writeFileSync(join(directory, "nodes-ca.pem"), authority.caPem);
    for (const name of ["shop", "api", "gateway"]) {
      const { certPem, keyPem } = authority.issue(name);
      writeFileSync(join(directory, `${name}.pem`), certPem);
      writeFileSync(join(directory, `${name}.key`), keyPem);
    }
    const names = [...text.matchAll(/\$\{\{(\w+)\}\}/g)].map(([, name = ""]) => [name, "secret"]);
    const loaded = loadConfig({ configFile, environment: Object.fromEntries(names) });
    const refused = await checkRegistries(loaded, registryFactories);
    const said = [...loaded.problems, ...loaded.warnings, ...refused];
    expect(said.map(formatProblem)).toEqual([]);
  });
});

describe("docs/configuration.md names", () => {
  const text = readFileSync(join(root, "docs/configuration.md"), "utf8");
  const codes = new Set([...text.matchAll(/`([^`\n]+)`/g)].map(([, code = ""]) => code));
  const names = (word: string): boolean =>
    [...codes].some((code) => code.split(/[^\w-]+/).includes(word));

  test("every key there is", () => {
    expect([...new Set(keys(configJsonSchema()))].filter((key) => !names(key))).toEqual([]);
  });

  test("everything that is refused by name", () => {
    const refused = [...Object.values(unsupportedKeys).flat(), ...unsupportedRegistries];
    expect(refused.filter((word) => !codes.has(word))).toEqual([]);
  });
});

test("the README names every metric", async () => {
  const readme = readFileSync(join(root, "apps/gateway/README.md"), "utf8");
  const named = [...readme.matchAll(/^\| `(rollcall_\w+)`/gm)].map(([, name]) => name);
  const { admin } = await gatewayUnderTest("routes: []\n");
  const { text } = await admin("/metrics");
  const there = [...text.matchAll(/^# TYPE (rollcall_\w+)/gm)].map(([, name]) => name);
  expect(new Set(named)).toEqual(new Set(there));
});

/** Every property name in a JSON Schema. */
function keys(schema: unknown): readonly string[] {
  if (Array.isArray(schema)) return schema.flatMap(keys);
  if (typeof schema !== "object" || schema === null) return [];
  const { properties } = schema as { properties?: object };
  return [...Object.keys(properties ?? {}), ...Object.values(schema).flatMap(keys)];
}

// Writes the parts of documents that come from code, between their markers; with --check it only compares.
import { readFileSync, writeFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { gatewayErrors } from "../apps/gateway/dist/index.js";
import { renderTraitsTable } from "../packages/conformance/dist/index.js";
import { consulRegistry } from "../packages/consul/dist/index.js";
import { memoryRegistry } from "../packages/core/dist/index.js";
import { etcdRegistry } from "../packages/etcd/dist/index.js";
import { eurekaRegistry } from "../packages/eureka/dist/index.js";
import { nacosRegistry } from "../packages/nacos/dist/index.js";
import { limitBounds } from "../packages/proxy/dist/index.js";
import { zookeeperRegistry } from "../packages/zookeeper/dist/index.js";

const registries = [
  { title: "Memory", registry: memoryRegistry() },
  { title: "Eureka", registry: eurekaRegistry({ servers: "http://127.0.0.1:8761/eureka/" }) },
  { title: "etcd", registry: etcdRegistry({ hosts: "http://127.0.0.1:2379" }) },
  { title: "Consul", registry: consulRegistry({ servers: "http://127.0.0.1:8500" }) },
  { title: "ZooKeeper", registry: zookeeperRegistry({ servers: "127.0.0.1:2181" }) },
  { title: "Nacos", registry: nacosRegistry({ servers: "http://127.0.0.1:8848" }) },
];
const table = renderTraitsTable(
  registries.map(({ title, registry }) => ({ title, traits: registry.traits })),
);
for (const { registry } of registries) await registry[Symbol.asyncDispose]();

const errors = padded([
  ["status", "`code`", "`error_msg`", "when", "what to do"],
  ...gatewayErrors.map(({ status, code, message, meaning, remedy }) => [
    String(status),
    `\`${code}\``,
    message,
    meaning,
    remedy,
  ]),
]);

const limits = padded([
  ["key", "unit", "default", "bounds", "what it bounds"],
  ...limitRows(
    readFileSync(fileURLToPath(new URL("../packages/proxy/README.md", import.meta.url)), "utf8"),
  ),
]);

const parts = [
  { file: "README.md", marker: "conformance", text: table },
  { file: "docs/errors.md", marker: "gateway-errors", text: errors },
  { file: "docs/configuration.md", marker: "gateway-limits", text: limits },
];
const check = process.argv.includes("--check");

for (const { file, marker, text } of parts) {
  const path = fileURLToPath(new URL(`../${file}`, import.meta.url));
  const before = readFileSync(path, "utf8");
  const begin = `<!-- ${marker}:begin -->\n`;
  const end = `<!-- ${marker}:end -->`;
  const from = before.indexOf(begin);
  const to = before.indexOf(end);
  if (from < 0 || to < from) throw new Error(`${file} lacks the markers of "${marker}"`);
  const after = `${before.slice(0, from + begin.length)}\n${text}\n${before.slice(to)}`;
  if (after === before) continue;
  if (check) {
    console.error(`${file} is out of date: run node scripts/generate-docs.ts`);
    process.exitCode = 1;
  } else {
    writeFileSync(path, after);
    console.log(`${file} written`);
  }
}

/** The engine's bounds as its README has them, by their keys in the gateway's file. */
function limitRows(readme: string): string[][] {
  return Object.entries(limitBounds).map(([name, [least, most]]) => {
    const row = readme.split("\n").find((line) => line.startsWith(`| \`${name}\` `));
    if (row === undefined) throw new Error(`packages/proxy/README.md lacks a row for ${name}`);
    const [, , meaning = "", unit = "", value = ""] = row.split("|").map((cell) => cell.trim());
    const inFile = meaning.replaceAll(/`(\w+)`/g, (_, word: string) => `\`${snakeCase(word)}\``);
    return [`\`${snakeCase(name)}\``, unit, value, `${least} to ${most}`, inFile];
  });
}

function snakeCase(name: string): string {
  return name.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
}

/** A Markdown table as the formatter leaves it. */
function padded(rows: readonly (readonly string[])[]): string {
  const [head = [], ...body] = rows;
  const widths = head.map((_, column) => Math.max(...rows.map((row) => row[column]?.length ?? 0)));
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join(" | ")} |`;
  const rule = line(widths.map((width) => "-".repeat(width)));
  return `${[line(head), rule, ...body.map(line)].join("\n")}\n`;
}

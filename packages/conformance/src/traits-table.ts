import type { RegistryTraits } from "@rollcall/core";

import { ruleIds } from "./rule-id.ts";

/** One registry of the table. */
export interface TraitsColumn {
  readonly title: string;
  readonly traits: RegistryTraits;
}

/**
 * Renders, as Markdown, which rules each registry keeps, how changes arrive and which node fields
 * survive; reasons for what it cannot keep follow as notes.
 */
export function renderTraitsTable(columns: readonly TraitsColumn[]): string {
  const notes: string[] = [];
  const note = (reason: string): string => {
    const known = notes.indexOf(reason);
    return `no ${known >= 0 ? known + 1 : notes.push(reason)}`;
  };
  const rows = [
    ["", ...columns.map(({ title }) => title)],
    ["delivery", ...columns.map(({ traits }) => traits.delivery)],
    ["scope keys", ...columns.map(({ traits }) => traits.scope.join(", ") || "none")],
    ["does not keep", ...columns.map(({ traits }) => lost(traits).join(", ") || "–")],
    ...ruleIds.map((rule) => [
      rule,
      ...columns.map(({ traits: { cannot } }) =>
        cannot[rule] === undefined ? "yes" : note(cannot[rule]),
      ),
    ]),
  ].map((row) => row.map(escapeCell));
  const widths = rows[0]?.map((_, column) =>
    Math.max(3, ...rows.map((row) => row[column]?.length ?? 0)),
  );
  const line = (row: readonly string[]): string =>
    `| ${row.map((cell, column) => cell.padEnd(widths?.[column] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = rows;
  const rule = line((widths ?? []).map((width) => "-".repeat(width)));
  const table = [line(head), rule, ...body.map(line)].join("\n");
  const list = notes.map((reason, index) => `${index + 1}. ${reason}`).join("\n");
  return notes.length === 0 ? `${table}\n` : `${table}\n\n${list}\n`;
}

const fields = [
  "hostname",
  "id",
  "metadata",
  "priority",
  "secure",
  "status",
  "weight",
  "zone",
] as const;

function lost(traits: RegistryTraits): string[] {
  return fields.filter((field) => !traits.keeps.includes(field));
}

function escapeCell(text: string): string {
  return text.replaceAll("|", "\\|").replaceAll("\n", " ");
}

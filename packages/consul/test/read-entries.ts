import type { NodeSet } from "@rollcall/core";
import type { KnownNodes } from "@rollcall/core/adapter";

import { nodeSetOf } from "../src/node-set.ts";
import { type ConsulOptions, resolveOptions } from "../src/options.ts";
import { readRecord, type StoredRecord } from "../src/stored-record.ts";

/** Entries of a health answer, read with these options. */
export function readEntries(
  entries: readonly unknown[],
  given: ConsulOptions = {},
): readonly StoredRecord[] {
  const { name: registry, weight, acceptWarning } = resolveOptions(given);
  return entries.map((entry) => readRecord(entry, { registry, weight, acceptWarning }));
}

/** The node set of the entries of a health answer. */
export function nodeSetOfEntries(
  entries: readonly unknown[],
  {
    service = "web",
    options = {},
    known = new Map(),
  }: {
    readonly service?: string;
    readonly options?: ConsulOptions;
    readonly known?: KnownNodes;
  } = {},
): NodeSet {
  const records = readEntries(entries, options);
  return nodeSetOf({ records, service }, resolveOptions(options), known);
}

import type { NodeTls } from "@rollcall/proxy";

import type { AddressPolicy } from "../upstream/address-policy.ts";
import type { ConfigDocument, Path } from "./document.ts";
import type { PemFiles } from "./pem-files.ts";
import type { Problem } from "./problem.ts";
import type { RegistryConfig, WrittenObject } from "./gateway-config.ts";
import type { ServiceInput } from "./route-schema.ts";
import type { UpstreamInput } from "./upstream-schema.ts";
import { showPath } from "./show-path.ts";
import type { Validation } from "./validation.ts";

/** One object of a file and where it stands. */
export interface Item<T> {
  readonly document: ConfigDocument;
  readonly path: Path;
  readonly id: string;
  /** What is right in it; a key that is there and wrong is missing here. */
  readonly input: T;
}

/** Whether a key is written down, right or wrong. */
export function isWritten({ document, path }: Item<unknown>, key: string): boolean {
  return document.at([...path, key]) !== undefined;
}

/** What is gathered while references are followed. */
export interface Resolution {
  readonly problems: Problem[];
  readonly warnings: Problem[];
  readonly upstreams: ReadonlyMap<string, Item<UpstreamInput>>;
  readonly services: ReadonlyMap<string, Item<ServiceInput>>;
  /** Names of `discovery`, also of those with problems. */
  readonly registryNames: readonly string[];
  /** Kinds of the registries by name; missing where one is not known. */
  readonly registryTypes: ReadonlyMap<string, RegistryConfig["type"]>;
  readonly policy: AddressPolicy;
  readonly pem: PemFiles;
  /** For upstreams that say nothing else. */
  readonly nodeTls: NodeTls | undefined;
}

/** A checked file. */
export interface CheckedFile {
  readonly document: ConfigDocument;
  readonly validation: Validation;
}

/**
 * The items of one list, over all files, by id.
 *
 * An item without an id gets `arr_` and its position, counted from 1, as in APISIX. The same id twice
 * is a problem.
 */
export function itemsById<T>(
  files: readonly CheckedFile[],
  list: "routes" | "upstreams" | "services" | "ssls",
  problems: Problem[],
): ReadonlyMap<string, Item<T>> {
  const items = new Map<string, Item<T>>();
  let position = 0;
  for (const { document, validation } of files) {
    const values = document.at([list]);
    if (!Array.isArray(values)) continue;
    for (const index of values.keys()) {
      position += 1;
      const path = [list, index];
      const input = validation.soundPart(path);
      if (typeof input !== "object") continue;
      const given = document.at([...path, "id"]);
      const id =
        typeof given === "string" || typeof given === "number" ? String(given) : `arr_${position}`;
      const known = items.get(id);
      if (known !== undefined) {
        const other = known.document.problem(known.path, "");
        problems.push(
          document.problem(
            given === undefined ? path : [...path, "id"],
            `${showPath([...path, "id"])}: the id ${JSON.stringify(id)} is taken by ${showPath(known.path)} (${other.file}:${other.line})`,
          ),
        );
        continue;
      }
      items.set(id, { document, path, id, input: input as T });
    }
  }
  return items;
}

/** Items as the admin listener shows them. */
export function written<T>(items: ReadonlyMap<string, Item<T>>): readonly WrittenObject[] {
  return [...items.values()].map(({ id, input }) => ({ id, value: { ...input, id } }));
}

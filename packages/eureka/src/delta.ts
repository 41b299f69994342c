import { isDeepStrictEqual } from "node:util";

import { type App, appKey, type Apps, type AppsDocument, hashOf } from "./apps.ts";
import type { Instance } from "./instance.ts";

/**
 * Applies a delta to a state and returns the new one; `undefined` when only a full read can be right: a
 * change of an unknown kind, no hash to check with, or a hash that differs.
 *
 * A delta is a window over the last minutes, not what happened since the last question: the same changes
 * come again and are applied again, in the order of the document. What does not change stays the same
 * object: records, applications, and the whole.
 */
export function applyDelta(before: Apps, delta: AppsDocument): Apps | undefined {
  if (delta.hash === undefined) return undefined;
  const byName = new Map(before.byName);
  const touched = new Map<string, Map<string, Instance>>();
  for (const { name, instances, problem } of delta.apps) {
    if (problem !== undefined) return undefined;
    const key = appKey(name);
    const known = touched.get(key) ?? new Map(byName.get(key)?.instances);
    touched.set(key, known);
    for (const instance of instances) {
      if (!applyChange(known, instance)) return undefined;
    }
    if (!byName.has(key)) byName.set(key, emptyApp(name));
  }
  let { size } = before;
  for (const [key, instances] of touched) {
    const { name } = byName.get(key) ?? emptyApp(key);
    const known = before.byName.get(key);
    size += instances.size - (known?.instances.size ?? 0);
    for (const [id, instance] of instances) {
      const old = known?.instances.get(id);
      if (old !== undefined && sameInstance(old, instance)) instances.set(id, old);
    }
    // The server has no empty applications either.
    if (instances.size === 0) byName.delete(key);
    else if (!sameValues(known?.instances, instances)) {
      byName.set(key, { name, instances, problem: known?.problem });
    }
  }
  const after = sameValues(before.byName, byName) ? before : { byName, size };
  return hashOf(after) === delta.hash ? after : undefined;
}

function applyChange(instances: Map<string, Instance>, change: Instance): boolean {
  if (change.problem !== undefined) return false;
  switch (change.action) {
    case "ADDED":
    case "MODIFIED":
      instances.set(change.key, change);
      return true;
    case "DELETED":
      instances.delete(change.key);
      return true;
    default:
      return false;
  }
}

function sameInstance(a: Instance, b: Instance): boolean {
  return a === b || (a.status === b.status && isDeepStrictEqual(a.fields, b.fields));
}

function sameValues<T>(a: ReadonlyMap<string, T> | undefined, b: ReadonlyMap<string, T>): boolean {
  if (a?.size !== b.size) return false;
  for (const [key, value] of b) if (a.get(key) !== value) return false;
  return true;
}

function emptyApp(name: string): App {
  return { name, instances: new Map(), problem: undefined };
}

import type { Apps } from "./apps.ts";

/**
 * Whether a full read lost so much that the server may have restarted, or is a peer that has not caught
 * up: then the watch throws once, and consumers treat it as the outage it probably was.
 *
 * Nodes that leave in the usual way come as deletions in a delta and never get here. A full read is
 * doubtful when the whole registry lost more than half of its records, all of them, or any at all while
 * the server's delta counter started over.
 */
export function isDoubtfulLoss(before: Apps, after: Apps, counterWentBack: boolean): boolean {
  if (after.size >= before.size && !counterWentBack) return false;
  if (after.size === 0) return before.size > 0;
  return after.size * 2 < before.size || (counterWentBack && lostAny(before, after));
}

function lostAny(before: Apps, after: Apps): boolean {
  for (const [name, { instances }] of before.byName) {
    const now = after.byName.get(name)?.instances;
    for (const key of instances.keys()) {
      if (now?.has(key) !== true) return true;
    }
  }
  return false;
}

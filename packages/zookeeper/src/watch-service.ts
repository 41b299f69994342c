import type { NodeSet } from "@rollcall/core";
import { latch } from "@rollcall/core/adapter";

import type { Link } from "./client/link.ts";
import { type ReaderOptions, ServiceReader } from "./service-reader.ts";

/**
 * Follows one service on one link: the whole set at once, then on each change; throws when the link is lost.
 *
 * Where the server can, one recursive watch tells every change; it is set before anything is read, so nothing falls
 * between. Elsewhere each read sets its own watch.
 */
export async function* watchService(
  link: Link,
  options: ReaderOptions,
  signal: AbortSignal,
): AsyncGenerator<NodeSet, void, void> {
  const { path } = options;
  const reader = new ServiceReader(options);
  const changes = latch<true>(signal);
  /** Whether reads set a watch of their own; undefined until that is known. */
  let setsWatches: boolean | undefined;
  const lost = (): void => changes.fail(link.lost.reason);
  link.lost.addEventListener("abort", lost);
  if (link.lost.aborted) lost();
  const unlisten = link.listen(path, (event) => {
    if (reader.note(event) && setsWatches !== undefined) changes.set(true);
  });
  const begin = async (): Promise<void> => {
    try {
      setsWatches = !(await link.watchTree(path));
      changes.set(true);
    } catch (error) {
      changes.fail(error);
    }
  };
  void begin();
  try {
    for await (const _ of changes) {
      await reader.refresh(link, signal, setsWatches === true);
      yield reader.set();
    }
  } finally {
    link.lost.removeEventListener("abort", lost);
    unlisten();
    link.unwatchTree(path);
  }
}

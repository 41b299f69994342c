import type { ServiceNode } from "./node.ts";
import type { WithSignal } from "./registry.ts";
import type { Snapshot } from "./snapshot.ts";

/**
 * A consumer's open window on one service.
 *
 * `nodes` and `snapshot` are synchronous reads from memory. Iterating yields the newest snapshot, now
 * and on each change; a slow reader skips what was superseded, so memory stays constant. Disposing the
 * view ends its iterators without an error; the registry watch ends with the last view of the service.
 */
export interface ServiceView extends AsyncIterable<Snapshot>, Disposable {
  /** `snapshot.nodes`: routable nodes, the same array while nothing in it changes. */
  readonly nodes: readonly ServiceNode[];
  readonly snapshot: Snapshot;
  /**
   * Resolves with the first snapshot that is not `pending`.
   *
   * @throws {@link DiscoveryError} the cause, when nothing is known and waiting cannot help (`AUTH`,
   *   `INVALID`, `UNSUPPORTED`); `CLOSED` when the view is disposed first; the signal's reason.
   */
  ready(options?: WithSignal): Promise<Snapshot>;
}

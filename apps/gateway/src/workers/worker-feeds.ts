import { DiscoveryError } from "@rollcall/core";

import { Feed } from "./feed.ts";
import type { ToPrimary } from "./protocol.ts";
import type { RegistryNumbers } from "./registry-numbers.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** One feed for each worker. All workers' views of a service are views of the one watch of it. */
export class WorkerFeeds {
  readonly #registries: RegistryNumbers;
  readonly #feeds = new Map<number, Feed>();

  constructor(registries: RegistryNumbers) {
    this.#registries = registries;
  }

  onMessage(worker: WorkerProcess, message: ToPrimary): void {
    const feed = this.#feeds.get(worker.id);
    if (message.kind === "open") this.#open(worker, message);
    else if (message.kind === "close") feed?.close(message.view);
    else if (message.kind === "seen") feed?.seen(message.view, message.fits);
  }

  end(worker: WorkerProcess): void {
    this.#feeds.get(worker.id)?.end();
    this.#feeds.delete(worker.id);
  }

  #open(worker: WorkerProcess, asked: Extract<ToPrimary, { kind: "open" }>): void {
    let feed = this.#feeds.get(worker.id);
    if (feed === undefined) {
      feed = new Feed((change) => worker.post(change));
      this.#feeds.set(worker.id, feed);
    }
    try {
      const view = this.#registries.get(asked.registry)?.service(asked.query);
      if (view !== undefined) feed.open(asked.view, view);
    } catch (error) {
      // The connection ends with a configuration that is being replaced; so does the view.
      if (!(error instanceof DiscoveryError)) throw error;
    }
  }
}

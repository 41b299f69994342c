import type { NumbersTaken } from "../metrics/metrics-contract.ts";
import { OtherFigures, OwnFigures, type ProcessFigures } from "../metrics/process-figures.ts";
import type { Standing } from "../upstream/standing.ts";
import type { ToPrimary } from "./protocol.ts";
import type { WorkerProcess } from "./worker-process.ts";

/** How long a scrape waits for a worker that does not answer, in ms. */
const collectMs = 1_000;

/** What the workers count, put together; what a worker has told once outlives it. */
export class WorkerCounts {
  readonly #merge: (numbers: NumbersTaken) => void;
  readonly #own = new OwnFigures();
  readonly #others = new OtherFigures();
  readonly #inFlight = new Map<number, number>();
  readonly #standings = new Map<number, readonly Standing[]>();
  #asked = 0;

  constructor(merge: (numbers: NumbersTaken) => void) {
    this.#merge = merge;
  }

  get inFlight(): number {
    return [...this.#inFlight.values()].reduce((sum, one) => sum + one, 0);
  }

  /** What each worker said last of nodes that it treats apart. */
  get standings(): readonly (readonly Standing[])[] {
    return [...this.#standings.values()];
  }

  /** Asks every worker, and waits a little for those that are slow: theirs is what they said last. */
  async collect(
    workers: readonly WorkerProcess[],
  ): Promise<{ readonly first: ProcessFigures; readonly others: readonly ProcessFigures[] }> {
    this.#asked += 1;
    await Promise.all(workers.map((worker) => worker.count(this.#asked, collectMs)));
    return { first: await this.#own.now(), others: this.#others.all };
  }

  onCounted(worker: WorkerProcess, counted: Extract<ToPrimary, { kind: "counted" }>): void {
    this.#merge(counted.numbers);
    this.#others.set(worker.id, counted.process);
    this.#inFlight.set(worker.id, counted.inFlight);
    if (counted.standings !== undefined) this.#standings.set(worker.id, counted.standings);
  }

  end(worker: WorkerProcess): void {
    this.#inFlight.delete(worker.id);
    this.#standings.delete(worker.id);
    this.#others.end(worker.id);
  }
}

import {
  AggregatorRegistry,
  collectDefaultMetrics,
  type MetricObjectWithValues,
  type MetricValue,
  Registry,
} from "prom-client";

/** What a process says of itself: CPU, memory, event loop… as prom-client's JSON. */
export type ProcessFigures = readonly MetricObjectWithValues<MetricValue<string>>[];

/** The figures of this process. */
export class OwnFigures {
  readonly #registry = new Registry();

  constructor() {
    collectDefaultMetrics({ register: this.#registry });
  }

  now(): Promise<ProcessFigures> {
    return this.#registry.getMetricsAsJSON();
  }
}

/** The figures of other processes, the ended ones among them: what was counted stays counted. */
export class OtherFigures {
  readonly #living = new Map<number, ProcessFigures>();
  /** Of those that ended what they counted: the sum of some, and those that are still to be added to it. */
  #ended: readonly ProcessFigures[] = [];
  #adding: Promise<void> = Promise.resolve();

  /** @param id  Never used again for another process. */
  set(id: number, figures: ProcessFigures): void {
    this.#living.set(id, figures);
  }

  end(id: number): void {
    const last = this.#living.get(id);
    if (last === undefined) return;
    this.#living.delete(id);
    this.#ended = [...this.#ended, last.filter(({ type }) => isCounted(type))];
    this.#adding = this.#adding.then(() => this.#add());
  }

  get all(): readonly ProcessFigures[] {
    return [...this.#ended, ...this.#living.values()];
  }

  async #add(): Promise<void> {
    const [sum, next] = this.#ended;
    if (sum === undefined || next === undefined) return;
    const both = await sumOf([sum, next]).getMetricsAsJSON();
    this.#ended = [both, ...this.#ended.slice(2)];
  }
}

/**
 * Prometheus text of several processes as if they were one: counters, memory and descriptors summed, lags
 * of the event loop averaged, the start of the first.
 */
export async function renderTogether(
  first: ProcessFigures,
  others: readonly ProcessFigures[],
): Promise<string> {
  const sum = sumOf([first, ...others]);
  const names = new Set((await sum.getMetricsAsJSON()).map(({ name }) => name));
  // What cannot be put together, such as the start time, is the first one's alone.
  const alone = first
    .filter(({ name }) => !names.has(name))
    .map((metric) => ({ ...metric, aggregator: "first" as const }));
  return `${await sum.metrics()}\n${await sumOf([alone]).metrics()}`;
}

function sumOf(figures: readonly ProcessFigures[]): Registry {
  return AggregatorRegistry.aggregate([...figures]);
}

/** prom-client gives the type as its name or, in older declarations, as a number. */
function isCounted(type: unknown): boolean {
  return type === "counter" || type === "histogram";
}

import { keyOf } from "./attempt-numbers.ts";
import type { Value } from "./request-numbers.ts";

/** Ejections of nodes of one service since they were last taken. */
export interface EjectionsTaken {
  readonly registry: string;
  readonly service: string;
  readonly count: number;
}

/** Ejections of nodes, by service. */
export class EjectionNumbers {
  readonly #services = new Map<string, { registry: string; service: string; count: number }>();
  #kept: ReadonlySet<string> = new Set();

  add(registry: string, service: string, count = 1): void {
    const key = keyOf(registry, service);
    const numbers = this.#services.get(key);
    if (numbers === undefined) this.#services.set(key, { registry, service, count });
    else numbers.count += count;
  }

  /** Takes out what was counted; counting starts anew. */
  take(): readonly EjectionsTaken[] {
    const taken = [...this.#services.values()].filter(({ count }) => count > 0);
    this.#services.clear();
    return taken;
  }

  /** Adds what another process has taken out. */
  merge(taken: readonly EjectionsTaken[]): void {
    for (const { registry, service, count } of taken) this.add(registry, service, count);
  }

  /** These may eject, and are shown from the first moment on, with 0; others are forgotten. */
  keep(ejecting: readonly Pick<EjectionsTaken, "registry" | "service">[]): void {
    this.#kept = new Set(ejecting.map(({ registry, service }) => keyOf(registry, service)));
    for (const key of this.#services.keys()) if (!this.#kept.has(key)) this.#services.delete(key);
    for (const { registry, service } of ejecting) this.add(registry, service, 0);
  }

  totals(): readonly Value[] {
    // What another process counted of a service that is no more may come in late.
    return [...this.#services]
      .filter(([key]) => this.#kept.has(key))
      .map(([, { registry, service, count }]) => ({ value: count, labels: { registry, service } }));
  }
}

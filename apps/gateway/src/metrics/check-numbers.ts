import type { ProbeResult } from "../upstream/probe.ts";
import { keyOf } from "./attempt-numbers.ts";
import type { Value } from "./request-numbers.ts";

/** Active checks by service and result. */
export class CheckNumbers {
  readonly #services = new Map<
    string,
    { readonly registry: string; readonly service: string; readonly results: Map<string, number> }
  >();

  add(registry: string, service: string, result: ProbeResult): void {
    const key = keyOf(registry, service);
    const numbers = this.#services.get(key) ?? { registry, service, results: new Map() };
    this.#services.set(key, numbers);
    numbers.results.set(result, (numbers.results.get(result) ?? 0) + 1);
  }

  /** @param services  Keys as {@link keyOf} makes them; others are forgotten. */
  keep(services: ReadonlySet<string>): void {
    for (const key of this.#services.keys()) if (!services.has(key)) this.#services.delete(key);
  }

  totals(): readonly Value[] {
    return [...this.#services.values()].flatMap(({ registry, service, results }) =>
      [...results].map(([result, value]) => ({ value, labels: { registry, service, result } })),
    );
  }
}

import type { RegistryConnection } from "../registry-connection.ts";
import type { GatewayState } from "../state.ts";

/** Numbers by which workers name the primary's connections: a name may mean another one after a reload. */
export class RegistryNumbers {
  readonly #numbers = new WeakMap<RegistryConnection, number>();
  readonly #connections = new Map<number, RegistryConnection>();
  #last = 0;

  /** Numbers by name of `discovery`; known connections keep theirs. */
  of(state: GatewayState): Readonly<Record<string, number>> {
    const entries = [...state.registries].map(([name, connection]) => {
      let number = this.#numbers.get(connection);
      if (number === undefined) {
        this.#last += 1;
        number = this.#last;
        this.#numbers.set(connection, number);
      }
      this.#connections.set(number, connection);
      return [name, number] as const;
    });
    return Object.fromEntries(entries);
  }

  get(number: number): RegistryConnection | undefined {
    return this.#connections.get(number);
  }

  /** Forgets all connections but these. */
  keepOnly(numbers: Readonly<Record<string, number>>): void {
    const kept = new Set(Object.values(numbers));
    for (const number of this.#connections.keys()) {
      if (!kept.has(number)) this.#connections.delete(number);
    }
  }
}

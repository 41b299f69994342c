import type { ListenAddress } from "@rollcall/proxy";

import type { GatewayConfig } from "../config/gateway-config.ts";
import type { Front, FrontStep } from "../front.ts";
import type { GatewayState } from "../state.ts";

/** The listeners of a worker: it goes over when the primary says that all workers can. */
export class HeldFront implements Front {
  readonly #inner: Front;
  readonly #hold: (addresses: readonly ListenAddress[]) => Promise<void>;

  /** @param hold  Resolves when to go over, rejects when not to. */
  constructor(inner: Front, hold: (addresses: readonly ListenAddress[]) => Promise<void>) {
    this.#inner = inner;
    this.#hold = hold;
  }

  get addresses(): readonly ListenAddress[] {
    return this.#inner.addresses;
  }

  get inFlight(): number {
    return this.#inner.inFlight;
  }

  async claim(config: GatewayConfig): Promise<FrontStep> {
    const step = await this.#inner.claim(config);
    return {
      addresses: step.addresses,
      prepare: async (state: GatewayState, own: readonly ListenAddress[]) => {
        await step.prepare(state, own);
        await this.#hold(step.addresses);
      },
      commit: () => step.commit(),
      abandon: () => step.abandon(),
    };
  }

  close(drainMs: number): Promise<void> {
    return this.#inner.close(drainMs);
  }
}

import { isDeepStrictEqual } from "node:util";

import type { ListenAddress, Proxy } from "@rollcall/proxy";

import type { GatewayConfig, ListenConfig } from "./config/gateway-config.ts";
import type { Front, FrontStep } from "./front.ts";

/** One address of `listen` that is open. */
export interface OpenListener {
  readonly config: ListenConfig;
  readonly address: ListenAddress;
  readonly proxy: Proxy;
}

/** The listeners of this process. */
export class Listeners implements Front {
  readonly #open: (config: ListenConfig) => Promise<OpenListener>;
  #listeners: readonly OpenListener[] = [];
  #ticketSecret: Uint8Array | undefined;

  /** @param open  Opens one; throws ListenError. */
  constructor(open: (config: ListenConfig) => Promise<OpenListener>) {
    this.#open = open;
  }

  get addresses(): readonly ListenAddress[] {
    return addressesOf(this.#listeners);
  }

  get inFlight(): number {
    return this.#listeners.reduce((sum, { proxy }) => sum + proxy.inFlight, 0);
  }

  /** What tickets of TLS sessions are sealed with from now on, on all of them. */
  setTicketSecret(secret: Uint8Array): void {
    this.#ticketSecret = secret;
    for (const { proxy } of this.#listeners) proxy.setTicketSecret(secret);
  }

  async claim(config: GatewayConfig): Promise<FrontStep> {
    const listeners: OpenListener[] = [];
    const opened: OpenListener[] = [];
    const abandon = async (): Promise<void> => {
      await Promise.all(opened.map(({ proxy }) => proxy.close({ drainMs: 0 })));
    };
    try {
      for (const wanted of config.listen) {
        let listener = this.#listeners.find(
          (one) => sameAddress(one.config, wanted) && !listeners.includes(one),
        );
        if (listener === undefined) {
          listener = await this.#open(wanted);
          listener.proxy.configure(config.engine);
          opened.push(listener);
        }
        listeners.push(listener);
      }
    } catch (error) {
      await abandon();
      throw error;
    }
    return {
      addresses: addressesOf(listeners),
      prepare: async () => undefined,
      commit: () => {
        const unwanted = this.#listeners.filter((one) => !listeners.includes(one));
        this.#listeners = listeners.map((one, index) => withTls(one, config.listen[index]!));
        for (const { proxy } of listeners) {
          proxy.configure(config.engine);
          // It may have been renewed since one of them was opened.
          if (this.#ticketSecret !== undefined) proxy.setTicketSecret(this.#ticketSecret);
        }
        // Requests that run on them must not hold the reload up.
        for (const { proxy } of unwanted) void proxy.close({ drainMs: config.drainMs });
      },
      abandon,
    };
  }

  async close(drainMs: number): Promise<void> {
    await Promise.all(this.#listeners.map(({ proxy }) => proxy.close({ drainMs })));
  }
}

/**
 * Gives a listener the certificates that are wanted now. Connections that stand go on with what they have.
 *
 * What cannot be used was refused when the configuration was loaded, before anything went over.
 */
function withTls(listener: OpenListener, wanted: ListenConfig): OpenListener {
  const { config, address, proxy } = listener;
  if (!isDeepStrictEqual(config.tls, wanted.tls)) proxy.setTls(address, wanted.tls);
  return { config: wanted, address, proxy };
}

/** Whether one listener serves for both. */
export function sameAddress(a: ListenConfig, b: ListenConfig): boolean {
  return a.host === b.host && a.port === b.port;
}

function addressesOf(listeners: readonly OpenListener[]): readonly ListenAddress[] {
  return listeners.map(({ address }) => address);
}

import { DiscoveryError } from "@rollcall/core";
import { pollWatch } from "@rollcall/core/adapter";

import type { Decoded } from "./codec.ts";
import type { HttpApi } from "./http-api.ts";
import type { ServiceKey } from "./names.ts";
import type { ResolvedOptions } from "./options.ts";
import { RecordMemory } from "./record-memory.ts";
import type { ServiceInfo } from "./service-info.ts";
import type { Session } from "./session.ts";
import type { StoredInstance } from "./stored-instance.ts";

/**
 * The servers over HTTP: polls and beats. Ends as soon as no server answers, because one that was restarted
 * has forgotten what it was told.
 */
export class HttpSession implements Session {
  readonly kind = "http";
  readonly #options: ResolvedOptions;
  readonly #namespace: string;
  readonly #api: HttpApi;
  readonly #ended = new AbortController();

  constructor(options: ResolvedOptions, api: HttpApi, namespace: string) {
    this.#options = options;
    this.#namespace = namespace;
    this.#api = api;
  }

  get ended(): AbortSignal {
    return this.#ended.signal;
  }

  query(key: ServiceKey, signal: AbortSignal): Promise<ServiceInfo> {
    return this.#during(signal, (own) => this.#api.list(key, own));
  }

  follow(key: ServiceKey, signal: AbortSignal): AsyncIterable<readonly Decoded[]> {
    const { intervalMs, clock, random } = this.#options;
    const linked = AbortSignal.any([signal, this.ended]);
    const memory = new RecordMemory(this.#options, key.service);
    const read = async (own: AbortSignal): Promise<readonly Decoded[]> =>
      memory.decode((await this.query(key, own)).hosts);
    return pollWatch(read, { intervalMs, signal: linked, clock, random });
  }

  services(group: string, signal: AbortSignal): Promise<readonly string[]> {
    return this.#during(signal, (own) => this.#api.services(this.#namespace, group, own));
  }

  async enter(
    key: ServiceKey,
    changed: readonly StoredInstance[],
    _all: readonly StoredInstance[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const instance of changed) {
      await this.#during(signal, (own) => this.#api.register(key, instance, own));
    }
  }

  leave(
    key: ServiceKey,
    gone: StoredInstance,
    _rest: readonly StoredInstance[],
    signal: AbortSignal,
  ): Promise<void> {
    return this.#during(signal, (own) => this.#api.deregister(key, gone, own));
  }

  async beat(key: ServiceKey, instance: StoredInstance, signal: AbortSignal): Promise<boolean> {
    if (!instance.ephemeral) return true;
    return this.#during(signal, (own) => this.#api.beat(key, instance, own));
  }

  close(reason: Error): void {
    if (!this.#ended.signal.aborted) this.#ended.abort(reason);
  }

  async #during<T>(signal: AbortSignal, call: (own: AbortSignal) => Promise<T>): Promise<T> {
    try {
      return await call(AbortSignal.any([signal, this.ended]));
    } catch (thrown) {
      const isGone =
        thrown instanceof DiscoveryError &&
        (thrown.code === "UNAVAILABLE" || thrown.code === "TIMEOUT");
      if (isGone && !signal.aborted) this.close(thrown);
      throw thrown;
    }
  }
}

import type { CallbackName, ProxyOptions } from "./contract.ts";

/**
 * What functions of the program that embeds the engine throw. None of it may end the process, nor another
 * request: they are called from the events of sockets, where nobody else would catch it.
 */
export class CallbackErrors {
  readonly #onError: ProxyOptions["onError"];
  readonly #warned = new Set<CallbackName | "onError">();

  /** @param onError  Default: a process warning, one for each function. */
  constructor(onError: ProxyOptions["onError"]) {
    this.#onError = onError;
  }

  /** Tells whoever wants to know. */
  report(error: unknown, from: CallbackName): void {
    if (this.#onError === undefined) {
      this.#warn(error, from);
      return;
    }
    try {
      this.#onError(error, from);
    } catch (worse) {
      this.#warn(worse, "onError");
    }
  }

  #warn(error: unknown, from: CallbackName | "onError"): void {
    if (this.#warned.has(from)) return;
    this.#warned.add(from);
    process.emitWarning(
      `${from} failed: ${error instanceof Error ? error.message : typeof error}`,
      {
        type: "RollcallProxyWarning",
        code: "ROLLCALL_PROXY_CALLBACK",
        ...(error instanceof Error && error.stack !== undefined ? { detail: error.stack } : {}),
      },
    );
  }
}

import { Agent, request } from "node:http";

import { DiscoveryError } from "@rollcall/core";
import { withDeadline } from "@rollcall/core/adapter";

/** One wire call. */
export interface Call {
  readonly method: "GET" | "PUT" | "DELETE";
  /** Path segments, not yet escaped. */
  readonly path: readonly string[];
  readonly ttlMs?: number | undefined;
  readonly body?: unknown;
  /** Names the call in errors. */
  readonly operation: string;
  readonly signal: AbortSignal;
}

/** What the server said. */
export interface Answer {
  /** The JSON of the body; undefined for 404 and for an empty body. */
  readonly value: unknown;
  /** Changes when the server has lost its data. */
  readonly epoch: string;
}

const timeoutMs = 2_000;
const maxBodyBytes = 16 * 1_048_576;

/** The wire: knows bytes and status codes, and nothing of nodes. */
export class ExampleClient {
  readonly #agent = new Agent({ keepAlive: true });
  readonly #options: { readonly registry: string; readonly port: number; readonly token: string };

  constructor(options: {
    readonly registry: string;
    readonly port: number;
    readonly token: string;
  }) {
    this.#options = options;
  }

  async call(call: Call): Promise<Answer> {
    const { operation, signal } = call;
    const { registry } = this.#options;
    return withDeadline({ registry, operation, timeoutMs, signal }, async (own) => {
      const { status, text, epoch } = await this.#exchange(call, own);
      if (status === 404) return { value: undefined, epoch };
      if (status === 401) throw this.#error("AUTH", operation, "the token was refused");
      if (status >= 300) throw this.#error("UNAVAILABLE", operation, `status ${status}`);
      try {
        return { value: text === "" ? undefined : JSON.parse(text), epoch };
      } catch {
        throw this.#error("PROTOCOL", operation, "the answer is not JSON");
      }
    });
  }

  close(): void {
    this.#agent.destroy();
  }

  #exchange(
    call: Call,
    signal: AbortSignal,
  ): Promise<{ status: number; text: string; epoch: string }> {
    const { port, token } = this.#options;
    const query = call.ttlMs === undefined ? "" : `?ttlMs=${call.ttlMs}`;
    const path = `/${call.path.map(encodeURIComponent).join("/")}${query}`;
    return new Promise((resolve, reject) => {
      const fail = (cause: Error): void =>
        reject(this.#error("UNAVAILABLE", call.operation, cause.message, cause));
      const { method } = call;
      const headers = { authorization: token };
      request(
        { host: "127.0.0.1", port, path, method, headers, agent: this.#agent, signal },
        (response) => {
          let text = "";
          let bytes = 0;
          response.setEncoding("utf8").on("data", (chunk: string) => {
            bytes += Buffer.byteLength(chunk);
            if (bytes > maxBodyBytes) response.destroy(new Error("the answer is too large"));
            else text += chunk;
          });
          response.once("error", fail);
          response.once("end", () => {
            const epoch = String(response.headers["x-epoch"]);
            resolve({ status: response.statusCode ?? 0, text, epoch });
          });
        },
      )
        .once("error", fail)
        .end(call.body === undefined ? undefined : JSON.stringify(call.body));
    });
  }

  #error(
    code: "AUTH" | "UNAVAILABLE" | "PROTOCOL",
    operation: string,
    reason: string,
    cause?: Error,
  ): DiscoveryError {
    return new DiscoveryError({
      code,
      registry: this.#options.registry,
      operation,
      reason,
      cause,
    });
  }
}

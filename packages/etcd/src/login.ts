import { DiscoveryError } from "@rollcall/core";

import type { ResolvedOptions } from "./options.ts";

/** Share of a token's life after which it is replaced before the next use. */
const renewShare = 0.8;
/** How long a refused log-in is not repeated, in ms: checking a password costs the server time, on purpose. */
const refusalMs = 1_000;

/** Asks the server for a token; `undefined` when it has no login. */
export type Authenticate = (name: string, password: string) => Promise<string | undefined>;

interface Held {
  /** Undefined: the server has no login. */
  readonly token: string | undefined;
  /** In the terms of the monotonic clock. */
  renewAtMs: number;
  /** Until when using it does not lengthen its life. */
  readonly isFixed: boolean;
}

/** The token that goes with every call: got once, kept while it is used, replaced before it runs out. */
export class Login {
  readonly #options: ResolvedOptions;
  readonly #authenticate: Authenticate;
  #held: Held | undefined;
  #asking: Promise<Held> | undefined;
  #refused: { readonly error: DiscoveryError; readonly untilMs: number } | undefined;

  constructor(options: ResolvedOptions, authenticate: Authenticate) {
    this.#options = options;
    this.#authenticate = authenticate;
  }

  /**
   * A token that should hold; undefined when none is needed.
   *
   * @throws {@link DiscoveryError} `AUTH`, or why the server could not be asked.
   */
  async token(): Promise<string | undefined> {
    const { username, clock } = this.#options;
    if (username === undefined) return undefined;
    const nowMs = clock.monotonicMs();
    if (this.#held !== undefined && nowMs < this.#held.renewAtMs) return this.#held.token;
    if (this.#refused !== undefined && nowMs < this.#refused.untilMs) throw this.#refused.error;
    this.#asking ??= this.#ask(username).finally(() => {
      this.#asking = undefined;
    });
    return (await this.#asking).token;
  }

  /** A call with it went through, which lengthens the life of a token that the server remembers. */
  used(token: string | undefined): void {
    const held = this.#held;
    if (held?.token !== token || held === undefined || held.isFixed) return;
    held.renewAtMs = this.#renewAtMs(this.#options.tokenTtlMs);
  }

  /** A member did not know it. */
  forget(token: string | undefined): void {
    if (this.#held?.token === token) this.#held = undefined;
  }

  async #ask(username: string): Promise<Held> {
    const { clock } = this.#options;
    try {
      const token = await this.#authenticate(username, await this.#password());
      const lifeMs = token === undefined ? undefined : lifeOf(token, clock.unixMs());
      this.#held = {
        token,
        renewAtMs: this.#renewAtMs(lifeMs ?? this.#options.tokenTtlMs),
        isFixed: lifeMs !== undefined,
      };
      this.#refused = undefined;
      return this.#held;
    } catch (thrown) {
      if (thrown instanceof DiscoveryError && thrown.code === "AUTH") {
        this.#refused = { error: thrown, untilMs: clock.monotonicMs() + refusalMs };
      }
      throw thrown;
    }
  }

  async #password(): Promise<string> {
    const { password, name: registry } = this.#options;
    if (typeof password === "string") return password;
    let given: unknown;
    try {
      given = await password?.();
    } catch {
      // Its error may hold what it was asked for.
      given = undefined;
    }
    if (typeof given === "string") return given;
    throw new DiscoveryError({
      code: "AUTH",
      registry,
      operation: "log in",
      reason: "the password function failed",
    });
  }

  #renewAtMs(lifeMs: number): number {
    return this.#options.clock.monotonicMs() + renewShare * lifeMs;
  }
}

/** How long a token lasts that says so itself (JSON Web Token, RFC 7519 §4.1.4), in ms. */
function lifeOf(token: string, nowMs: number): number | undefined {
  const [, payload, signature] = token.split(".");
  if (payload === undefined || signature === undefined) return undefined;
  try {
    const claims: unknown = JSON.parse(Buffer.from(payload, "base64url").toString("utf8"));
    const { exp } = claims as { readonly exp?: unknown };
    if (typeof exp !== "number") return undefined;
    const lifeMs = exp * 1_000 - nowMs;
    // Clocks that disagree by more than its life say nothing.
    return lifeMs > 0 ? lifeMs : undefined;
  } catch {
    return undefined;
  }
}

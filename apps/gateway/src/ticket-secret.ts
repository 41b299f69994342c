import { randomBytes } from "node:crypto";

const secretBytes = 48;

/**
 * How long one secret is used, in ms: a leaked one opens recorded TLS 1.2 connections of that time, and each
 * change costs a handshake in full for clients whose sessions (5 minutes) still lived.
 */
const keptMs = 3_600_000;

type Follower = (secret: Uint8Array) => void;

/** What tickets of TLS sessions are sealed with: in memory only, the same in all processes of this gateway. */
export class TicketSecret {
  readonly #followers = new Set<Follower>();
  #current: Uint8Array = randomBytes(secretBytes);

  /** Calls it with the secret of now, and with each later one. */
  follow(follower: Follower): void {
    this.#followers.add(follower);
    follower(this.#current);
  }

  get current(): Uint8Array {
    return this.#current;
  }

  /** @param secret  Default: a random one. */
  renew(secret: Uint8Array = randomBytes(secretBytes)): void {
    this.#current = secret;
    for (const follower of this.#followers) follower(secret);
  }

  /** Renews it every hour until the signal aborts. Keeps no process alive. */
  keepRenewing(signal: AbortSignal): void {
    const timer = setInterval(() => this.renew(), keptMs).unref();
    signal.addEventListener("abort", () => clearInterval(timer), { once: true });
  }
}

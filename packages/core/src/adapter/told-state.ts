import { publishRegistration } from "../channel.ts";
import type { DiscoveryError } from "../error.ts";
import type { RegistrationState } from "../registry.ts";
import { createLiveValue, type LiveValue } from "./live-value.ts";

/** Happenings of a registration that change no state. */
type Happening = "renew_failed" | "remove_failed";

/** The state of one registration: told to whoever iterates it, and with all happenings to the channel. */
export class ToldState {
  readonly #of: { readonly registry: string; readonly service: string; readonly id: string };
  readonly #states: LiveValue<RegistrationState> = createLiveValue<RegistrationState>(
    Object.freeze({ phase: "lost", generation: 0 }),
  );

  constructor(of: { readonly registry: string; readonly service: string; readonly id: string }) {
    this.#of = of;
  }

  get current(): RegistrationState {
    return this.#states.current;
  }

  iterate(): AsyncIterator<RegistrationState> {
    return this.#states.iterate();
  }

  /** @param isNew  Whether the record was entered, rather than found to be there still. */
  registered(isNew: boolean): void {
    const { phase, generation } = this.current;
    if (isNew) this.#set("registered", generation + 1);
    else if (phase !== "registered") this.#set("registered", generation);
  }

  lost(cause: DiscoveryError): void {
    const { phase, generation, cause: before } = this.current;
    if (phase === "lost" && before?.code === cause.code) return;
    this.#set("lost", generation, cause);
  }

  /** The last state: iterators finish with it. */
  closed(): void {
    this.#set("closed", this.current.generation);
    this.#states.end();
  }

  publish(kind: Happening | RegistrationState["phase"], error?: DiscoveryError): void {
    publishRegistration({ kind, ...this.#of, generation: this.current.generation, error });
  }

  #set(phase: RegistrationState["phase"], generation: number, cause?: DiscoveryError): void {
    this.#states.set(Object.freeze({ phase, generation, cause }));
    this.publish(phase, cause);
  }
}

/**
 * What can go wrong between a registry's connections and its backend.
 *
 * {@link faultProxy} is one for everything that speaks TCP. Each lasts until {@link Faults.restore}.
 */
export interface Faults {
  /** Nothing can connect, and what was connected is reset. */
  refuse(): void;
  /** Connections are accepted, no byte passes; what was said meanwhile arrives after `restore`. */
  stall(): void;
  /** Resets what is connected now; new connections work at once. Needs no `restore`. */
  cut(): void;
  /**
   * Drops every byte and every FIN in silence, as a firewall that forgot the connection does. What lived
   * through it stays dead; connections made after `restore` work.
   */
  halfOpen(): void;
  /** Ends the fault. */
  restore(): void;
}

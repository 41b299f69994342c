import { channel } from "node:diagnostics_channel";

import type { DiscoveryError } from "./error.ts";
import type { ServiceNode } from "./node.ts";
import type { RejectedRecord, ServiceQuery } from "./registry.ts";

/** Published on `rollcall:discovery`. */
export type DiscoveryEvent =
  | { readonly kind: "watch_started"; readonly registry: string; readonly query: ServiceQuery }
  | { readonly kind: "watch_ended"; readonly registry: string; readonly query: ServiceQuery }
  | {
      readonly kind: "watch_failed";
      readonly registry: string;
      readonly query: ServiceQuery;
      readonly error: DiscoveryError;
      readonly retryInMs: number;
    }
  | {
      readonly kind: "nodes_changed";
      readonly registry: string;
      readonly query: ServiceQuery;
      readonly added: readonly ServiceNode[];
      readonly updated: readonly ServiceNode[];
      readonly removed: readonly ServiceNode[];
      /** As in the snapshot: the same array while nothing in it changes. */
      readonly held: readonly ServiceNode[];
      /** As in the snapshot: the same array while nothing in it changes. */
      readonly rejected: readonly RejectedRecord[];
    }
  | {
      /** `verify_failed`: the read that decides over held nodes; `disk_failed`: last time's set. */
      readonly kind: "verify_failed" | "disk_failed";
      readonly registry: string;
      readonly query: ServiceQuery;
      readonly error: DiscoveryError;
    };

/** Published on `rollcall:registration`. */
export interface RegistrationEvent {
  readonly kind: "registered" | "lost" | "renew_failed" | "closed" | "remove_failed";
  readonly registry: string;
  readonly service: string;
  readonly id: string;
  readonly generation: number;
  readonly error?: DiscoveryError | undefined;
}

const discoveryChannel = channel("rollcall:discovery");
const registrationChannel = channel("rollcall:registration");

/** Tells whoever listens on `rollcall:discovery`; free when nobody does. */
export function publishDiscovery(event: DiscoveryEvent | (() => DiscoveryEvent)): void {
  if (!discoveryChannel.hasSubscribers) return;
  discoveryChannel.publish(typeof event === "function" ? event() : event);
}

/** Tells whoever listens on `rollcall:registration`; free when nobody does. */
export function publishRegistration(event: RegistrationEvent): void {
  if (registrationChannel.hasSubscribers) registrationChannel.publish(event);
}

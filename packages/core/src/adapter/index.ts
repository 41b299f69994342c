export { type Backoff, type BackoffOptions, createBackoff } from "./backoff.ts";
export { type Clock, sleep, systemClock } from "./clock.ts";
export { type DeadlineOptions, withDeadline } from "./deadline.ts";
export { keepRegistered } from "./keep-registered.ts";
export { latch, type Latch } from "./latch.ts";
export { ListMemory } from "./list/list-memory.ts";
export { ListReading } from "./list/list-reading.ts";
export { type KnownNodes, type ListedRecord, NodeSets } from "./list/node-sets.ts";
export { createLiveValue, holdProcess, type LiveValue } from "./live-value.ts";
export { LiveView } from "../live-view.ts";
export {
  type NumberBounds,
  optionChecks,
  type OptionChecks,
  type OptionNames,
  show,
  type TlsOptions,
} from "./option-checks.ts";
export { jitteredInterval, type PollOptions, pollWatch } from "./poll-watch.ts";
export type { KeepRegisteredOptions, RecordCalls } from "./record-calls.ts";
export { RegistryLifetime } from "./registry-lifetime.ts";
export { checkQuery, checkScope, queryKey } from "../query.ts";

export { type Backoff, type BackoffOptions, createBackoff } from "./backoff.ts";
export { type Clock, sleep, systemClock } from "./clock.ts";
export { type DeadlineOptions, withDeadline } from "./deadline.ts";
export { keepRegistered } from "./keep-registered.ts";
export { latch, type Latch } from "./latch.ts";
export { createLiveValue, holdProcess, type LiveValue } from "./live-value.ts";
export { jitteredInterval, type PollOptions, pollWatch } from "./poll-watch.ts";
export type { KeepRegisteredOptions, RecordCalls } from "./record-calls.ts";
export { checkQuery, checkScope, queryKey } from "../query.ts";

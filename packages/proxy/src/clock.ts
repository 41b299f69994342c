import { performance } from "node:perf_hooks";

/**
 * Time that only grows, in ms. The global `performance` is a getter, which costs as much as the time itself
 * when it is asked with every request.
 */
export function monotonicMs(): number {
  return performance.now();
}

let dateSecond = -1;
let date = "";

/** The time of day as fields tell it, made once a second. RFC 9110 §5.6.7. */
export function httpDate(): string {
  const nowMs = Date.now();
  const second = Math.floor(nowMs / 1_000);
  if (second !== dateSecond) {
    dateSecond = second;
    date = new Date(nowMs).toUTCString();
  }
  return date;
}

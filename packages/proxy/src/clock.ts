import { performance } from "node:perf_hooks";

/**
 * Time that only grows, in ms. The global `performance` is a getter, which costs as much as the time itself
 * when it is asked with every request.
 */
export function monotonicMs(): number {
  return performance.now();
}

import type { Sample, Subject } from "./load.ts";

/** What a load generator tells of its turn. */
export interface Counts {
  readonly requests: number;
  readonly errors: number;
  readonly seconds: number;
  readonly p50Us: number;
  readonly p99Us: number;
}

/** Runs a load generator and adds what the proxy spent meanwhile. */
export async function metered(
  { meter }: Subject,
  generate: () => Promise<Counts>,
): Promise<Sample> {
  const cpuBeforeUs = meter.cpuUs();
  const busyBeforeUs = meter.coreBusyUs();
  const startedAtMs = performance.now();
  const { requests, errors, seconds, p50Us, p99Us } = await generate();
  // A warm-up may end with nothing, a turn may not.
  if (requests <= errors) throw new Error("no good answer in a whole turn");
  const elapsedUs = (performance.now() - startedAtMs) * 1_000;
  const cpuUs = meter.cpuUs() - cpuBeforeUs;
  const foreignUs = meter.coreBusyUs() - busyBeforeUs - cpuUs;
  return {
    cpuUs: cpuUs / requests,
    requestsPerSecond: requests / seconds,
    p50Us,
    p99Us,
    residentBytes: meter.residentBytes(),
    errors,
    // The core's clock is coarse, so this may come out a little beyond what can be.
    foreignShare: Math.min(1, Math.max(0, foreignUs / elapsedUs)),
  };
}

import type { ServiceNode } from "@rollcall/core";
import type { OptionNames } from "@rollcall/core/adapter";

import {
  dayMs,
  invalid,
  resolveClock,
  resolveListener,
  resolveNumbers,
  section,
} from "./options.ts";

/** A node that is left out from now on. */
export interface Ejection {
  readonly node: ServiceNode;
  /** `failures`: as many in a row as `consecutive…` says; `success_rate`: too few successes beside the others. */
  readonly cause: "failures" | "success_rate";
  /** For how long, in ms. */
  readonly forMs: number;
}

/** Options of `outlierEjection`; names and defaults follow Envoy. */
export interface OutlierEjectionOptions {
  /** Failures in a row that eject a node. Default 5; 0–1 000 000, 0 never. */
  readonly consecutiveFailures?: number | undefined;
  /** As {@link consecutiveFailures}, of `http_failure` alone; others do not interrupt the row. Default 0: never. */
  readonly consecutiveHttpFailures?: number | undefined;
  /** Likewise, of `tcp_failure`. Default 0: never. */
  readonly consecutiveTcpFailures?: number | undefined;
  /** Likewise, of `timeout`. Default 0: never. */
  readonly consecutiveTimeouts?: number | undefined;
  /**
   * Ejects a node whose rate of success in an interval is this many standard deviations below the mean of
   * all. Default 1.9; 0–10, 0 never.
   */
  readonly successRateStdevs?: number | undefined;
  /** Nodes that must have had `successRateMinRequests` for rates to be compared. Default 5; 2–1 000 000. */
  readonly successRateMinNodes?: number | undefined;
  /** Ended requests per interval that make a rate. Default 100; 1–1 000 000. */
  readonly successRateMinRequests?: number | undefined;
  /** How often rates are compared. Default 10 000 ms; 1–86 400 000. */
  readonly intervalMs?: number | undefined;
  /**
   * How long a node is out: this, times how often it has been ejected. One time is forgotten for each
   * interval that it stays in. Default 30 000 ms; 1–86 400 000.
   */
  readonly ejectionMs?: number | undefined;
  /** Bound of that, at least `ejectionMs`. Default 300 000 ms, or `ejectionMs` when that is longer. */
  readonly maxEjectionMs?: number | undefined;
  /** Share of the nodes that may be out at once; above 0 it is one node at least. Default 0.1; 0–1. */
  readonly maxEjectedShare?: number | undefined;
  /**
   * When a smaller share than this of the nodes is left, what is wrong is not the nodes: ejections are
   * ignored. Default 0.5; 0–1.
   */
  readonly panicThreshold?: number | undefined;
  /** Told of each ejection; must be quick and must not throw. Default: nobody. */
  readonly onEjected?: ((ejection: Ejection) => void) | undefined;
  /**
   * Told when a node comes back: at the first pick, or look at `ejected`, after its time is over. Not told of one
   * that has left the list meanwhile, or has no weight. Must be quick and must not throw. Default: nobody.
   */
  readonly onReturned?: ((node: ServiceNode) => void) | undefined;
  /** Time that only grows, in ms. Default `performance.now`. */
  readonly monotonicMs?: (() => number) | undefined;
}

/** Options with every default filled in. */
export type OutlierSettings = {
  readonly [Name in keyof OutlierEjectionOptions]-?: NonNullable<OutlierEjectionOptions[Name]>;
};

const million = 1_000_000;
const share = { min: 0, max: 1, fraction: true } as const;

const names: OptionNames<OutlierEjectionOptions> = {
  consecutiveFailures: true,
  consecutiveHttpFailures: true,
  consecutiveTcpFailures: true,
  consecutiveTimeouts: true,
  successRateStdevs: true,
  successRateMinNodes: true,
  successRateMinRequests: true,
  intervalMs: true,
  ejectionMs: true,
  maxEjectionMs: true,
  maxEjectedShare: true,
  panicThreshold: true,
  onEjected: true,
  onReturned: true,
  monotonicMs: true,
};

/** @throws {@link DiscoveryError} `INVALID`, naming the first option that does not exist or is out of bounds. */
export function resolveOutlierOptions(options: OutlierEjectionOptions): OutlierSettings {
  section("outlierEjection", options, names);
  const numbers = resolveNumbers("outlierEjection.", options, {
    consecutiveFailures: { fallback: 5, min: 0, max: million },
    consecutiveHttpFailures: { fallback: 0, min: 0, max: million },
    consecutiveTcpFailures: { fallback: 0, min: 0, max: million },
    consecutiveTimeouts: { fallback: 0, min: 0, max: million },
    successRateStdevs: { fallback: 1.9, min: 0, max: 10, fraction: true },
    successRateMinNodes: { fallback: 5, min: 2, max: million },
    successRateMinRequests: { fallback: 100, min: 1, max: million },
    intervalMs: { fallback: 10_000, min: 1, max: dayMs },
    ejectionMs: { fallback: 30_000, min: 1, max: dayMs },
    maxEjectionMs: { fallback: 300_000, min: 1, max: dayMs },
    maxEjectedShare: { fallback: 0.1, ...share },
    panicThreshold: { fallback: 0.5, ...share },
  });
  const { ejectionMs } = numbers;
  const { maxEjectionMs = Math.max(300_000, ejectionMs) } = options;
  if (maxEjectionMs < ejectionMs) {
    throw invalid(
      `outlierEjection.maxEjectionMs must be at least ejectionMs (${ejectionMs}), got ${maxEjectionMs}`,
    );
  }
  return {
    ...numbers,
    maxEjectionMs,
    onEjected: resolveListener("outlierEjection.onEjected", options.onEjected),
    onReturned: resolveListener("outlierEjection.onReturned", options.onReturned),
    monotonicMs: resolveClock(options.monotonicMs),
  };
}

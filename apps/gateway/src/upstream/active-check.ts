import { sameAddress, type ServiceNode } from "@rollcall/core";
import { jitteredInterval, sleep, systemClock } from "@rollcall/core/adapter";

import type { ActiveChecks } from "../config/active-checks.ts";
import type { NodePool } from "./node-pool.ts";
import { probe, type ProbeParts, type ProbeResult } from "./probe.ts";
import { Slots } from "./slots.ts";

/** How much of an interval chance may take away, so that nodes and gateways do not ask in step. */
const jitter = 0.2;

/** Who is told what checks find. */
export interface CheckEvents {
  checked(result: ProbeResult): void;
  /** @param cause  The last result. */
  changed(node: ServiceNode, isWell: boolean, cause: ProbeResult): void;
  /** All that are not well now, by id. */
  unhealthy(ids: readonly string[]): void;
}

/** What is known of one node; it is well until so many checks in a row say otherwise. */
interface Patient {
  node: ServiceNode;
  readonly leaving: AbortController;
  isWell: boolean;
  successes: number;
  httpFailures: number;
  tcpFailures: number;
  timeouts: number;
}

/** The active checks of one upstream: each node is asked by itself, again and again. */
export class ActiveCheck {
  readonly #checks: ActiveChecks;
  readonly #events: CheckEvents;
  readonly #slots: Slots;
  /** By id; kept over updates and reloads. */
  readonly #patients = new Map<string, Patient>();
  #parts: ProbeParts | undefined;
  #pool: NodePool | undefined;

  constructor(checks: ActiveChecks, events: CheckEvents) {
    this.#checks = checks;
    this.#events = events;
    this.#slots = new Slots(checks.concurrency);
  }

  /** Checks the nodes of this pool from now on, and of no other; what is known of them stays. */
  follow(pool: NodePool, parts: Omit<ProbeParts, "checks">): void {
    this.#pool = pool;
    this.#parts = { ...parts, checks: this.#checks };
    void this.#watch(pool);
  }

  stop(): void {
    this.#pool = undefined;
    for (const { leaving } of this.#patients.values()) leaving.abort();
    this.#patients.clear();
  }

  async #watch(pool: NodePool): Promise<void> {
    for await (const { state } of pool.view) {
      if (this.#pool !== pool) return;
      // Nothing is known of the nodes yet: that is not the same as none.
      if (state !== "pending") this.#update(pool.nodes);
    }
  }

  #update(nodes: readonly ServiceNode[]): void {
    const wanted = new Map(nodes.map((node) => [node.id, node]));
    let changed = false;
    for (const [id, patient] of this.#patients) {
      const node = wanted.get(id);
      if (node !== undefined && sameAddress(node, patient.node)) {
        patient.node = node;
        continue;
      }
      patient.leaving.abort();
      this.#patients.delete(id);
      changed ||= !patient.isWell;
    }
    for (const [id, node] of wanted) {
      if (this.#patients.has(id)) continue;
      const counts = { successes: 0, httpFailures: 0, tcpFailures: 0, timeouts: 0 };
      const patient = { node, leaving: new AbortController(), isWell: true, ...counts };
      this.#patients.set(id, patient);
      void this.#attend(patient);
    }
    if (changed) this.#tell();
  }

  async #attend(patient: Patient): Promise<void> {
    const { signal } = patient.leaving;
    const { healthy, unhealthy } = this.#checks;
    try {
      // Nodes that come together are not asked together.
      await sleep(healthy.intervalMs * Math.random(), signal, systemClock);
      for (;;) {
        const result = await this.#slots.run(signal, () =>
          probe(patient.node, this.#parts!, signal),
        );
        signal.throwIfAborted();
        this.#events.checked(result);
        this.#judge(patient, result);
        const { intervalMs } = patient.isWell ? healthy : unhealthy;
        await sleep(jitteredInterval(intervalMs, jitter, Math.random), signal, systemClock);
      }
    } catch (error) {
      if (!signal.aborted) throw error;
    }
  }

  /** As APISIX counts: a success ends every row of failures, a failure the row of successes. */
  #judge(patient: Patient, result: ProbeResult): void {
    const { healthy, unhealthy } = this.#checks;
    if (result === "neither") return;
    if (result === "success") {
      Object.assign(patient, { httpFailures: 0, tcpFailures: 0, timeouts: 0 });
      patient.successes += 1;
      if (!patient.isWell && patient.successes >= healthy.successes) {
        this.#turn(patient, true, result);
      }
      return;
    }
    patient.successes = 0;
    const [counter, most] = (
      {
        http_failure: ["httpFailures", unhealthy.httpFailures],
        tcp_failure: ["tcpFailures", unhealthy.tcpFailures],
        timeout: ["timeouts", unhealthy.timeouts],
      } as const
    )[result];
    patient[counter] += 1;
    if (patient.isWell && most > 0 && patient[counter] >= most) this.#turn(patient, false, result);
  }

  #turn(patient: Patient, isWell: boolean, cause: ProbeResult): void {
    patient.isWell = isWell;
    this.#events.changed(patient.node, isWell, cause);
    this.#tell();
  }

  #tell(): void {
    const ids = [...this.#patients].filter(([, { isWell }]) => !isWell).map(([id]) => id);
    this.#events.unhealthy(ids);
  }
}

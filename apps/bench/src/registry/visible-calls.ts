import { setTimeout as pause } from "node:timers/promises";

import type { SideMaker } from "./side-calls.ts";

const seenDeadlineMs = 120_000;

/** The part of `visible` in a side's process. */
export interface VisibleCalls {
  /** Registers a node and follows its service. */
  visibleBegin(service: string): Promise<void>;
  /**
   * Changes the node again and again. From each call that changes it to the moment the watching consumer has it, in ms.
   *
   * @param pauseMs  Before each change, at random up to this: a poll must not set the pace.
   */
  visibleTurn(service: string, turn: string, changes: number, pauseMs: number): Promise<number[]>;
}

export function visibleCalls({ first }: Pick<SideMaker, "first">): VisibleCalls {
  let seen = (_version: string): void => undefined;
  return {
    async visibleBegin(service) {
      const side = await first();
      await side.register(service, "1");
      await side.watch(service, (versions) => seen(versions.get("n0") ?? ""));
    },
    async visibleTurn(service, turn, changes, pauseMs) {
      const side = await first();
      const times: number[] = [];
      for (let change = 0; change < changes; change += 1) {
        if (pauseMs > 0) await pause(Math.random() * pauseMs);
        const version = `${turn}-${change}`;
        const shown = Promise.withResolvers<void>();
        const late = setTimeout(
          () => shown.reject(new Error(`change ${version} was not seen in ${seenDeadlineMs} ms`)),
          seenDeadlineMs,
        );
        seen = (newest) => {
          if (newest === version) shown.resolve();
        };
        const startedAtMs = performance.now();
        const written = side.register(service, version);
        await Promise.all([
          shown.promise.then(() => times.push(performance.now() - startedAtMs)),
          written,
        ]);
        clearTimeout(late);
      }
      return times;
    },
  };
}

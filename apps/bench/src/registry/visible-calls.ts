import { setTimeout as pause } from "node:timers/promises";

import type { VisibleCalls } from "./calls.ts";
import type { SideMaker } from "./side-maker.ts";

const seenDeadlineMs = 120_000;

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

import { setTimeout as pause } from "node:timers/promises";

import type { GoneCalls, ProviderLife } from "./calls.ts";
import type { SideMaker } from "./side-maker.ts";
import { type SideHandle, startSide } from "./side-handle.ts";

const deadlineMs = 600_000;

export function goneCalls({ backend, sideName, url, settings, first }: SideMaker): GoneCalls {
  async function one(service: string, life: ProviderLife, provider: SideHandle): Promise<number> {
    const consumer = await first();
    let has = false;
    let heard = (): void => undefined;
    const becomes = async (wanted: boolean): Promise<void> => {
      const late = Promise.withResolvers<never>();
      const timer = setTimeout(
        () =>
          late.reject(new Error(`${wanted ? "not there" : "still there"} after ${deadlineMs} ms`)),
        deadlineMs,
      );
      const changed = new Promise<void>((resolve) => {
        heard = () => {
          if (has === wanted) resolve();
        };
        heard();
      });
      await Promise.race([changed, late.promise]).finally(() => clearTimeout(timer));
    };
    await provider.call("register", service, "1");
    await consumer.watch(service, (versions) => {
      has = versions.get("n0") !== undefined;
      heard();
    });
    await becomes(true);
    const leastMs = Math.max(life.leastMs, backend.sides[sideName]?.steadyMs ?? 0);
    await pause(leastMs + Math.random() * life.phaseMs);
    await becomes(true);
    const pid = await provider.call("pid");
    const killedAtMs = performance.now();
    provider.kill(pid);
    await becomes(false);
    return performance.now() - killedAtMs;
  }

  return {
    async goneTurn(services, life) {
      const providers = services.map(() => startSide(backend, sideName, url, settings));
      try {
        return await Promise.all(
          services.map((service, at) => one(service, life, providers[at] as SideHandle)),
        );
      } finally {
        await Promise.all(providers.map((provider) => provider[Symbol.asyncDispose]()));
      }
    },
  };
}

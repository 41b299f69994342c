import { readdirSync, readFileSync } from "node:fs";

import { cpuMs, heapBytes } from "../measure.ts";
import type { LargeCalls } from "./calls.ts";
import type { SideMaker } from "./side-maker.ts";

const deadlineMs = 120_000;
const settleMs = 1_000;

export function largeCalls({ first }: Pick<SideMaker, "first">): LargeCalls {
  let seen = (_size: number, _get: (id: string) => string | undefined): void => undefined;
  let armedAtMs = 0;
  let armed: Promise<number> = Promise.resolve(0);
  const cpu = async (): Promise<number> => {
    const { pid } = await first();
    return pid === undefined ? cpuMs() : cpuMsOf(pid);
  };
  return {
    async largeBegin(service, count) {
      const side = await first();
      const before = reachableBytes();
      const whole = within(
        new Promise<void>((resolve) => {
          seen = (size) => {
            if (size === count) resolve();
          };
        }),
      );
      await side.watch(service, (versions) => seen(versions.size, (id) => versions.get(id)));
      await whole;
      seen = () => undefined;
      // What is held only while an answer is read is gone by then.
      await new Promise((resolve) => setTimeout(resolve, settleMs));
      return (reachableBytes() - before) / count;
    },
    async largeArm(index, version) {
      const shown = new Promise<void>((resolve) => {
        seen = (_size, get) => {
          if (get(`n${index}`) === version) resolve();
        };
      });
      armedAtMs = await cpu();
      armed = within(shown).then(async () => (await cpu()) - armedAtMs);
      armed.catch(() => undefined);
    },
    largeSeen: () => armed,
    largeAfter: async () => (await cpu()) - armedAtMs,
  };
}

function reachableBytes(): number {
  return heapBytes() + process.memoryUsage().external;
}

/** CPU time of all threads of another process so far, in ms. Threads that have ended are not in it. */
function cpuMsOf(pid: number): number {
  const folder = `/proc/${pid}/task`;
  let ns = 0;
  for (const thread of readdirSync(folder)) {
    try {
      ns += Number(readFileSync(`${folder}/${thread}/schedstat`, "utf8").split(" ")[0]);
    } catch {
      // It has ended since.
    }
  }
  return ns / 1_000_000;
}

async function within(promise: Promise<void>): Promise<void> {
  const late = Promise.withResolvers<never>();
  const timer = setTimeout(
    () => late.reject(new Error(`nothing was seen in ${deadlineMs} ms`)),
    deadlineMs,
  );
  await Promise.race([promise, late.promise]).finally(() => clearTimeout(timer));
}

import { setTimeout as pause } from "node:timers/promises";

import { type CountingProxy, countingProxy } from "../counting-proxy.ts";
import { type Bed, eachSide, type Finding, type Measure, type Row } from "../measure.ts";
import type { SideHandle } from "../side-handle.ts";

const thousand = 1_000;
const settleMs = 10_000;
const watchDeadlineMs = 60_000;
/** Clients of a fleet share so many processes. */
const processes = 4;

/** One consumer that follows many services. */
export const idle: Measure = {
  name: "idle",
  about: `what one consumer asks that follows ${thousand} services which do not change`,
  run: async (bed) => {
    await fillServices(bed, "idle-", thousand);
    return counted(bed, `1 consumer, ${thousand} services`, 1, ([handle]) =>
      handle.call("watchMany", "idle-", thousand, 1, watchDeadlineMs),
    );
  },
};

/** One process that registers many nodes. */
export const registered: Measure = {
  name: "registered",
  about: `what one process asks that keeps ${thousand} registrations`,
  run: (bed) =>
    counted(bed, `1 process, ${thousand} nodes`, 1, async ([handle], side) => {
      await handle.call("registerMany", `registered-${side}-`, thousand, 0, 1);
      return thousand;
    }),
};

/** Many consumers. */
export const consumers: Measure = {
  name: "consumers",
  about: "what many consumers ask that follow the same few services",
  run: async (bed) => {
    const { clients, watches } = bed.amounts;
    await fillServices(bed, "idle-", watches);
    const what = `${clients} consumers, ${watches} ${watches === 1 ? "service" : "services"} each`;
    return counted(bed, what, processes, async (handles) => {
      const answered = await Promise.all(
        handles.map((handle, at) =>
          handle.call("watchMany", "idle-", watches, share(clients, at), watchDeadlineMs),
        ),
      );
      return answered.reduce((sum, one) => sum + one, 0);
    });
  },
};

/** Many providers of one node each. */
export const providers: Measure = {
  name: "providers",
  about: "what many providers of one node each ask",
  run: (bed) => {
    const { clients } = bed.amounts;
    return counted(bed, `${clients} providers, 1 node each`, processes, async (handles, side) => {
      await Promise.all(
        handles.map((handle, at) =>
          handle.call("registerMany", `providers-${side}-${at}-`, 1, 0, share(clients, at)),
        ),
      );
      return clients;
    });
  },
};

type Begin = (handles: readonly [SideHandle, ...SideHandle[]], side: string) => Promise<number>;

/** Has all sides begin, each through a proxy of its own, waits, and counts at the same time. */
async function counted(
  bed: Bed,
  what: string,
  processCount: number,
  begin: Begin,
): Promise<Finding> {
  const { seconds } = bed.amounts;
  await using stack = new AsyncDisposableStack();
  const begun = await eachSide(bed, bed.sides, async (side) => {
    const proxy: CountingProxy = stack.use(await countingProxy(bed.server));
    const handles = Array.from({ length: processCount }, () => bed.start(side, proxy.url));
    const answered = await begin(handles as [SideHandle, ...SideHandle[]], side);
    return { proxy, answered };
  });
  await pause(settleMs);
  const before = new Map(
    [...begun].map(([side, { proxy }]) => [side, { requests: proxy.requests, bytes: proxy.bytes }]),
  );
  await pause(seconds * 1_000);
  const per = (figure: "requests" | "bytes"): Record<string, number> =>
    Object.fromEntries(
      [...begun].map(([side, { proxy }]) => [
        side,
        (proxy[figure] - (before.get(side)?.[figure] ?? 0)) / seconds,
      ]),
    );
  const rows: Row[] = [
    { what: `${what}: requests per second`, values: per("requests") },
    { what: `${what}: bytes sent per second`, values: per("bytes") },
    {
      what: `${what}: connections`,
      values: Object.fromEntries([...begun].map(([side, { proxy }]) => [side, proxy.connections])),
    },
    {
      what: `${what}: begun`,
      values: Object.fromEntries([...begun].map(([side, { answered }]) => [side, answered])),
    },
  ];
  return { rows, samples: { seconds, rows } };
}

/** Each service has a node: that is what services have. */
async function fillServices(bed: Bed, prefix: string, count: number): Promise<void> {
  const at = 50;
  for (let from = 0; from < count; from += at) {
    const length = Math.min(at, count - from);
    await Promise.all(
      Array.from({ length }, (_, step) => bed.server.fill(`${prefix}${from + step}`, 0, 1)),
    );
  }
}

/** How many of the clients are in the process with that number. */
function share(clients: number, process: number): number {
  return (
    Math.floor((clients * (process + 1)) / processes) - Math.floor((clients * process) / processes)
  );
}

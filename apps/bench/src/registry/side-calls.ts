import type { SideCalls } from "./calls.ts";
import { fleetCalls } from "./fleet-calls.ts";
import { goneCalls } from "./gone-calls.ts";
import { largeCalls } from "./large-calls.ts";
import type { Side } from "./side.ts";
import type { SideContext, SideMaker } from "./side-maker.ts";
import { visibleCalls } from "./visible-calls.ts";

export function sideCalls(context: SideContext): SideCalls {
  const made: Promise<Side>[] = [];
  const another = (): Promise<Side> => {
    const spec = context.backend.sides[context.sideName];
    if (spec === undefined) throw new Error(`no side ${context.sideName}`);
    const side = Promise.resolve(spec.make(context.url, context.settings));
    made.push(side);
    return side;
  };
  const first = (): Promise<Side> => made[0] ?? another();
  const maker: SideMaker = { ...context, first, another };
  return {
    ...fleetCalls(maker),
    ...goneCalls(maker),
    ...largeCalls(maker),
    ...visibleCalls(maker),
    register: async (service, version) => (await first()).register(service, version),
    pid: async () => (await first()).pid ?? process.pid,
    async end() {
      await Promise.allSettled(made.map(async (side) => (await side)[Symbol.asyncDispose]()));
    },
  };
}

import { type FleetCalls, fleetCalls } from "./fleet-calls.ts";
import { type GoneCalls, goneCalls } from "./gone-calls.ts";
import { type LargeCalls, largeCalls } from "./large-calls.ts";
import type { Backend, Side, SideSettings } from "./side.ts";
import { type VisibleCalls, visibleCalls } from "./visible-calls.ts";

/** What a process with clients can be told to do. */
export interface SideCalls extends FleetCalls, GoneCalls, LargeCalls, VisibleCalls {
  /** Registers a node, or changes its version. */
  register(service: string, version: string): Promise<void>;
  /** The process that does the work. */
  pid(): Promise<number>;
  /** Ends what was made, in good order. */
  end(): Promise<void>;
}

/** Where the process belongs. */
export interface SideContext {
  readonly backend: Backend;
  readonly sideName: string;
  readonly url: string;
  readonly settings: SideSettings;
}

/** What the measures' parts in the process work with. */
export interface SideMaker extends SideContext {
  /** The process' own client, the same each time. */
  readonly first: () => Promise<Side>;
  /** One more. */
  readonly another: () => Promise<Side>;
}

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

import type { Amounts, Bed, Finding, Measure } from "./measure.ts";
import { startSide } from "./side-handle.ts";
import type { Backend, SideSettings } from "./side.ts";

/** What a measure found, and what a reader of it has to know. */
export interface MeasureResult extends Finding {
  /** The server's version. */
  readonly server: string;
  readonly notes: readonly string[];
  /** Ours is missing. */
  readonly failed: boolean;
}

/**
 * Runs one measure of one registry on a server of its own, so that none pays for what another left there. A side that
 * cannot take part, or fails, is a note.
 */
export async function runMeasure(
  measure: Measure,
  given: {
    readonly backend: Backend;
    readonly sides: readonly string[];
    readonly amounts: Amounts;
    readonly defaults: boolean;
  },
): Promise<MeasureResult> {
  const { backend, sides, amounts, defaults } = given;
  const notes: string[] = [];
  const out = new Set<string>();
  const able = sides.filter((side) => {
    const { cannot, notes: known } = backend.sides[side] ?? {};
    const reason = cannot?.[measure.name];
    if (reason !== undefined) notes.push(`${side} is not there: ${reason}`);
    else if (known?.[measure.name] !== undefined) notes.push(`${side}: ${known[measure.name]}`);
    return reason === undefined;
  });
  const settings: SideSettings = {
    lease: defaults ? "default" : (measure.lease ?? "default"),
    intervalMs: defaults || isLoad(measure) ? undefined : backend.intervalMs,
  };
  await using server = await backend.start(defaults ? "default" : "quick");
  await using stack = new AsyncDisposableStack();
  const bed: Bed = {
    backend,
    server,
    amounts,
    sides: able,
    settings,
    start: (side, url = server.url) => stack.use(startSide(backend, side, url, settings)),
    drop(side, error) {
      out.add(side);
      notes.push(`${side} failed: ${error instanceof Error ? error.message : String(error)}`);
    },
  };
  const found = await measure.run(bed);
  return { ...found, server: server.version, notes, failed: out.has("rollcall") };
}

/** Load is what clients ask when nobody has set an interval. */
function isLoad({ name }: Measure): boolean {
  return ["idle", "registered", "consumers", "providers"].includes(name);
}

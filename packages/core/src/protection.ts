import { isRoutable, type ServiceNode } from "./node.ts";

/**
 * Rule R3: what to serve when a registry suddenly has far fewer nodes than a moment ago.
 *
 * A loss to zero, or of more than half, is more often a fault of the registry than of all nodes at
 * once. The missing nodes are `held`: still served, until the loss is believed. Everything here is
 * pure; {@link https://en.wikipedia.org/wiki/Finite-state_machine | the machine} has three phases:
 *
 * ```
 *            severe loss                     a read says the same
 *   open ───────────────────► verifying ─────────────────────────► open
 *     │                           ▲  └─ registrants are back ─────► open
 *     │ severe loss after         │ returnMs over
 *     └ an outage or a wipe ► waiting ──── registrants are back ──► open
 * ```
 */
export interface Protection {
  readonly phase: "open" | "waiting" | "verifying";
  /** Routable nodes that are gone from the registry and still served, by id. */
  readonly held: ReadonlyMap<string, ServiceNode>;
  /** Highest levels of the last window, oldest first; at most one per slot, so memory is constant. */
  readonly samples: readonly Sample[];
  /** Nodes that left by draining, ever: their leaving is no loss. */
  readonly departed: number;
  /** While nodes are held: how many there were before the loss, and at least how many are held. */
  readonly before: number | undefined;
  /** While waiting: when a read decides, on the monotonic clock. */
  readonly decideAtMs: number | undefined;
}

/**
 * How high the registry stood in one slot of time. A level is the count of routable nodes plus all that
 * ever left by draining: a node that drains moves from one to the other, so only a loss lowers it.
 */
export interface Sample {
  /** The newest instant of the slot at which a set came, on the monotonic clock. */
  readonly atMs: number;
  readonly highest: number;
  /** The level the slot ended with, in force until the next sample. */
  readonly level: number;
}

/** Bounds of the protection. */
export interface ProtectionPolicy {
  /** How far back the peak is looked for, in ms. */
  readonly windowMs: number;
  /** How long nodes are held after an outage or a wipe before a read decides, in ms. */
  readonly returnMs: number;
}

/** A whole set from the registry's watch. */
export interface SetArrived {
  readonly atMs: number;
  /** Every node of the set, sorted by id. */
  readonly present: readonly ServiceNode[];
  /** Every node known until now, held ones included, sorted by id. */
  readonly known: readonly ServiceNode[];
  /** Whether the watch had failed since the set before. */
  readonly afterOutage: boolean;
}

const none: ReadonlyMap<string, ServiceNode> = new Map();

/** Where a service begins: nothing known, nothing held. */
export const unprotected: Protection = Object.freeze({
  phase: "open",
  held: none,
  samples: Object.freeze([]),
  departed: 0,
  before: undefined,
  decideAtMs: undefined,
});

/** Folds one whole set in. */
export function onSet(state: Protection, event: SetArrived, policy: ProtectionPolicy): Protection {
  const { atMs, present, known, afterOutage } = event;
  const { missing, departures, heldDepartures } = compare(known, present, state.held);
  const departed = state.departed + departures;
  const count = present.reduce((sum, node) => sum + (isRoutable(node) ? 1 : 0), 0);
  const samples = withSample(state.samples, atMs, count + departed, policy.windowMs);

  // Held nodes are part of the peak before the loss alone, so that alone sinks when they begin to drain.
  const before = (state.before ?? 0) - heldDepartures;
  const highest = Math.max(...samples.map((sample) => sample.highest));
  const peak = Math.max(0, before, highest - departed);
  const back = missing.length === 0 || count >= peak;
  const severe = !back && (count === 0 || (peak - count) * 2 > peak);
  const waits =
    policy.returnMs > 0 && !back && (state.phase === "waiting" || (severe && afterOutage));
  if (!severe && !waits) {
    return { ...unprotected, samples, departed };
  }
  return {
    phase: waits ? "waiting" : "verifying",
    held: new Map(missing.map((node) => [node.id, node])),
    samples,
    departed,
    before: Math.max(peak, missing.length),
    decideAtMs: waits
      ? ((afterOutage ? undefined : state.decideAtMs) ?? atMs + policy.returnMs)
      : undefined,
  };
}

/** The time to wait for registrants is over: from here a read decides. */
export function onDue(state: Protection): Protection {
  return state.phase === "waiting"
    ? { ...state, phase: "verifying", decideAtMs: undefined }
    : state;
}

/**
 * A read answered while verifying: nodes it lacks as well are gone; the others stay held until the
 * watch brings them, or a further read lacks them.
 *
 * @param count  Routable nodes of the watch's newest set.
 */
export function onVerified(
  state: Protection,
  answered: readonly ServiceNode[],
  count: number,
  atMs: number,
): Protection {
  if (state.phase !== "verifying") return state;
  const alive = new Set(answered.map((node) => node.id));
  const held = new Map([...state.held].filter(([id]) => alive.has(id)));
  if (held.size > 0) return { ...state, held };
  // The loss is believed, so it is no peak to measure the next one by.
  const level = count + state.departed;
  return { ...unprotected, departed: state.departed, samples: [{ atMs, highest: level, level }] };
}

interface Comparison {
  readonly missing: readonly ServiceNode[];
  readonly departures: number;
  readonly heldDepartures: number;
}

/**
 * Walks two lists that are sorted by id: which routable nodes are gone, how many began to drain, less those
 * that came back from it, and how many that were held show up draining.
 */
function compare(
  known: readonly ServiceNode[],
  present: readonly ServiceNode[],
  held: Protection["held"],
): Comparison {
  const missing: ServiceNode[] = [];
  let departures = 0;
  let heldDepartures = 0;
  let at = 0;
  for (const old of known) {
    let node = present[at];
    while (node !== undefined && node !== old && node.id < old.id) node = present[(at += 1)];
    if (node === old) continue;
    if (node?.id !== old.id) {
      if (isRoutable(old)) missing.push(old);
    } else if (isRoutable(old) && node.status === "draining") {
      if (held.has(old.id)) heldDepartures += 1;
      else departures += 1;
    } else if (old.status === "draining" && isRoutable(node)) {
      departures -= 1;
    }
  }
  return { missing, departures, heldDepartures };
}

const slotsPerWindow = 12;

/** Adds a level and forgets what the window no longer sees. */
function withSample(
  samples: readonly Sample[],
  atMs: number,
  level: number,
  windowMs: number,
): readonly Sample[] {
  const slotMs = windowMs / slotsPerWindow;
  const last = samples.at(-1);
  const sameSlot =
    last !== undefined && Math.floor(last.atMs / slotMs) === Math.floor(atMs / slotMs);
  const joined = sameSlot
    ? [...samples.slice(0, -1), { atMs, highest: Math.max(last.highest, level), level }]
    : [...samples, { atMs, highest: level, level }];
  // Of what came before the window, only the level in force when it began is seen.
  const [inForce, ...inside] = joined.slice(
    Math.max(
      0,
      joined.findLastIndex((one) => one.atMs <= atMs - windowMs),
    ),
  );
  if (inForce === undefined || inForce.atMs > atMs - windowMs) return joined;
  return [{ ...inForce, highest: inForce.level }, ...inside];
}

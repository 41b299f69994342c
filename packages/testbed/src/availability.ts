import type { Lane } from "./lane.ts";
import type { RegistryKind } from "./registry-kind.ts";

/** What a test run has of one kind of registry. Plain data: it travels to the test workers. */
export interface Availability {
  /** The shared server, or why there is none. */
  readonly shared: { readonly url: string; readonly version: string } | { readonly reason: string };
  /** The version that tests can start servers of their own of, or why they cannot. */
  readonly own: { readonly version: string; readonly lane: Lane } | { readonly reason: string };
}

/** A kind as it was found, and how to let go of it. */
export interface Found {
  readonly availability: Availability;
  /** What was wrong in lanes that come before the one that was taken. */
  readonly passedOver?: string | undefined;
  stop(): Promise<void>;
}

const allLanes: readonly Lane[] = ["docker", "native"];
const nothing = (): Promise<void> => Promise.resolve();

/**
 * Finds the shared server of a kind: the one the environment names, or one started in a Docker engine, or natively.
 * A server that cannot be had is an answer, not an error.
 *
 * @throws Error when `ROLLCALL_LANE` names no lane
 */
export async function find(kind: RegistryKind, env: NodeJS.ProcessEnv): Promise<Found> {
  const lanes = lanesOf(env);
  const url = env[kind.envName];
  if (url) {
    const shared = await attempt(async () => ({ url, version: await kind.probe(url) }));
    const named = "reason" in shared ? { reason: `${kind.envName}: ${shared.reason}` } : shared;
    const { result: own, passedOver } = await firstLane(lanes, (lane) => prepare(kind, lane));
    return { availability: { shared: named, own }, passedOver, stop: nothing };
  }
  const { result: found, passedOver } = await firstLane(lanes, async (lane) => ({
    own: await prepare(kind, lane),
    server: await kind.start(lane),
  }));
  if ("reason" in found) return { availability: { shared: found, own: found }, stop: nothing };
  const { own, server } = found;
  const shared = { url: server.url, version: server.version };
  return { availability: { shared, own }, passedOver, stop: () => server.stop() };
}

async function prepare(
  kind: RegistryKind,
  lane: Lane,
): Promise<{ readonly version: string; readonly lane: Lane }> {
  return { version: await kind.prepare(lane), lane };
}

/** What the first lane gives in which it works, or what was wrong in each. */
async function firstLane<T>(
  lanes: readonly Lane[],
  action: (lane: Lane) => Promise<T>,
): Promise<{ readonly result: T | { readonly reason: string }; readonly passedOver?: string }> {
  const reasons: string[] = [];
  for (const lane of lanes) {
    const result = await attempt(() => action(lane));
    if (!isReason(result)) return { result, passedOver: reasons.join("; ") };
    reasons.push(`${lane}: ${result.reason}`);
  }
  return { result: { reason: reasons.join("; ") } };
}

/** `ROLLCALL_LANE=native` insists on a lane. */
function lanesOf(env: NodeJS.ProcessEnv): readonly Lane[] {
  const insisted = env["ROLLCALL_LANE"];
  if (!insisted) return allLanes;
  const lane = allLanes.find((one) => one === insisted);
  if (lane !== undefined) return [lane];
  throw new Error(`ROLLCALL_LANE: "${insisted}" is not one of: ${allLanes.join(", ")}`);
}

function isReason(value: unknown): value is { readonly reason: string } {
  return typeof value === "object" && value !== null && "reason" in value;
}

/**
 * The kinds a run insists on, from `ROLLCALL_REQUIRE=eureka,etcd`.
 *
 * @throws Error on a name the testbed does not know
 */
export function required(value: string | undefined, known: readonly string[]): readonly string[] {
  const names = (value ?? "")
    .split(",")
    .map((name) => name.trim())
    .filter(Boolean);
  for (const name of names) {
    if (!known.includes(name)) {
      throw new Error(`ROLLCALL_REQUIRE: "${name}" is not one of: ${known.join(", ")}`);
    }
  }
  return names;
}

async function attempt<T>(action: () => Promise<T>): Promise<T | { readonly reason: string }> {
  try {
    return await action();
  } catch (error) {
    return { reason: error instanceof Error ? error.message : String(error) };
  }
}

import { dockerEngine } from "./docker.ts";
import type { RegistryKind, SharedServer } from "./registry-kind.ts";

/** What a test run has of one kind of registry. Plain data: it travels to the test workers. */
export interface Availability {
  /** The shared server, or why there is none. */
  readonly shared: { readonly url: string; readonly version: string } | { readonly reason: string };
  /** The version that tests can start servers of their own of, or why they cannot. */
  readonly own: { readonly version: string } | { readonly reason: string };
}

/** A kind as it was found, and how to let go of it. */
export interface Found {
  readonly availability: Availability;
  stop(): Promise<void>;
}

/**
 * Finds the shared server of a kind: the one the environment names, or one started natively. A server that cannot be
 * had is an answer, not an error.
 */
export async function find(kind: RegistryKind, env: NodeJS.ProcessEnv): Promise<Found> {
  const own = await attempt(async () => ({ version: await kind.prepare() }));
  const url = env[kind.envName];
  if (url) {
    const shared = await attempt(async () => ({ url, version: await kind.probe(url) }));
    const named = "reason" in shared ? { reason: `${kind.envName}: ${shared.reason}` } : shared;
    return { availability: { shared: named, own }, stop: () => Promise.resolve() };
  }
  if ("reason" in own) {
    const engine = await dockerEngine();
    const reason = engine === undefined ? own.reason : `${own.reason}; ${engine}`;
    return { availability: { shared: { reason }, own }, stop: () => Promise.resolve() };
  }
  const server = await attempt<SharedServer>(() => kind.start());
  if ("reason" in server) {
    return { availability: { shared: server, own }, stop: () => Promise.resolve() };
  }
  const { url: startedUrl, version } = server;
  return {
    availability: { shared: { url: startedUrl, version }, own },
    stop: () => server.stop(),
  };
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

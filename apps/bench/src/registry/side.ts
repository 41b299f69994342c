/** What a consumer sees of a service: versions, of which the benchmarks write one into each record, by node id. */
export interface Versions {
  readonly size: number;
  get(id: string): string | undefined;
}

/** A client of a registry in the hands of a benchmark: ours, or another one used as its manual says. */
export interface Side extends AsyncDisposable {
  /** Registers node `n0` of a service with a version, or changes its version. */
  register(service: string, version: string): Promise<void>;
  /**
   * Follows a service: now and on each change.
   *
   * @param onChange  Called with the newest; it is the caller's only until it returns.
   */
  watch(service: string, onChange: (versions: Versions) => void): Promise<void>;
  /** The process that does the work, when it is not the one the side was made in. */
  readonly pid?: number | undefined;
}

/** How a side is made. */
export interface SideSettings {
  /** `default`: each as its client has it, and as the server comes. `shortest`: what all sides can. */
  readonly lease: "default" | "shortest";
  /** From one poll to the next, in ms, of those that poll; `undefined`: each client's default. */
  readonly intervalMs?: number | undefined;
}

/** One client of a registry that is measured. */
export interface SideSpec {
  /** @throws Error when it cannot be had here */
  version(): string | Promise<string>;
  /** In a process of its own. */
  make(url: string, settings: SideSettings): Side | Promise<Side>;
  /** Measures it cannot take part in, and why. */
  readonly cannot?: Readonly<Record<string, string>> | undefined;
  /** What a reader of its figures has to know, by measure. */
  readonly notes?: Readonly<Record<string, string>> | undefined;
  /** How long a registration takes until its heartbeats are regular, in ms; none when left out. */
  readonly steadyMs?: number | undefined;
}

/** How a server's port is spoken to; tells how requests are counted. */
export type Wire = "http1" | "http2" | "zookeeper";

/** A real server. */
export interface Server extends AsyncDisposable {
  /** A URL with its port, whatever it speaks. */
  readonly url: string;
  readonly version: string;
  /** Ports clients use: distance from the URL's, and what is spoken there. */
  readonly ports: readonly { readonly offset: number; readonly wire: Wire }[];
  /** Writes records as other people's tools do, which stay without heartbeats; ids are `n<from>`… */
  fill(service: string, from: number, count: number): Promise<void>;
  change(service: string, index: number, version: string): Promise<void>;
}

/** One registry: its server and the clients that are measured side by side; ours is `rollcall`. */
export interface Backend {
  readonly name: string;
  readonly sides: Readonly<Record<string, SideSpec>>;
  /** Changes that `visible` measures of each side unless told otherwise. */
  readonly changes: number;
  /** Poll interval, in ms, where the clients poll; left out where changes are pushed. */
  readonly intervalMs?: number | undefined;
  /** @param kind  `quick`: with short ticks, so that leases can be short. `default`: as it comes. */
  start(kind: "quick" | "default"): Promise<Server>;
}

/** Address of a node in the benchmarks. */
export function hostOf(index: number): string {
  return `10.1.${index >> 8}.${index & 255}`;
}

/** The id that belongs to {@link hostOf}, for registries that know nodes by their address. */
export function idOf(host: string): string {
  const [, , high, low] = host.split(".").map(Number);
  return `n${(high ?? 0) * 256 + (low ?? 0)}`;
}

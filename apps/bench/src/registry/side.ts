/** A version that a consumer sees: the benchmarks write one into each record. */
export type Versions = ReadonlyMap<string, string>;

/** A client of a registry in the hands of a benchmark: ours, or a plain client library used as its manual says. */
export interface Side extends AsyncDisposable {
  /** Registers one node of a service with a version, or changes its version. */
  register(service: string, version: string): Promise<void>;
  /**
   * Follows a service: versions by node id, now and on each change.
   *
   * @param onChange  Called with the newest; the map is the caller's only until it returns.
   */
  watch(service: string, onChange: (versions: Versions) => void): Promise<void>;
}

/** One registry: its server, how its records are written behind the clients' backs, and the two sides. */
export interface Backend {
  readonly name: string;
  /** Name of the plain client library. */
  readonly plain: string;
  start(): Promise<Server>;
  /** In a process of its own. */
  ours(url: string): Side;
  theirs(url: string): Side;
}

/** A real server. */
export interface Server extends AsyncDisposable {
  readonly url: string;
  readonly version: string;
  /** Writes records as other people's tools do; ids are `n0`, `n1`… */
  fill(service: string, count: number): Promise<void>;
  change(service: string, index: number, version: string): Promise<void>;
}

/** Names of the two sides, as arguments of the child process. */
export type SideName = "ours" | "theirs";

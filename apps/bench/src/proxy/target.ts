import type { Place } from "./place.ts";

/** A proxy that is measured. */
export interface Target {
  /** As `--targets` and the table name it. */
  readonly name: string;
  /** The loads it is there for; all when left out. `--targets` goes before it. */
  readonly loads?: readonly string[] | undefined;
  /** How long it must be under load before its first turn counts, in seconds. Default 0. */
  readonly warmUpSeconds?: number | undefined;
  /**
   * Starts it on `place.proxyCore`, forwarding everything from `place.listenPort` to the node at
   * `place.nodePort`.
   *
   * @throws Error whose first line says why it cannot serve here.
   */
  start(place: Place): Promise<RunningTarget>;
}

/** A proxy that serves. */
export interface RunningTarget extends AsyncDisposable {
  /** Everything below this process counts as the proxy. */
  readonly pid: number;
}

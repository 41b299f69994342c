import type { Place } from "./place.ts";
import type { ProcessMeter } from "./process-meter.ts";

/** A proxy under load, or about to be. */
export interface Subject {
  /** `http://127.0.0.1:PORT`, or `https:`. */
  readonly origin: string;
  readonly port: number;
  readonly meter: ProcessMeter;
}

/** What one turn of one target gave. Left out what the load does not tell. */
export interface Sample {
  /** CPU of the proxy per request, in µs. */
  readonly cpuUs?: number | undefined;
  readonly requestsPerSecond?: number | undefined;
  readonly p50Us?: number | undefined;
  readonly p99Us?: number | undefined;
  /** Memory of the proxy per idle connection, in bytes. */
  readonly connectionBytes?: number | undefined;
  /** Resident memory of the proxy at the end, in bytes. */
  readonly residentBytes: number;
  /** Failed requests; a sample with any is not to be trusted. */
  readonly errors: number;
  /** Share of the time in which the proxy's core worked for others. */
  readonly foreignShare: number;
}

/** One kind of traffic. */
export interface Load {
  /** As `--only` and the table name it. */
  readonly name: string;
  /** What it does, for the table's title. */
  readonly title: string;
  /** What the table compares: CPU per request, p99, or memory per connection. */
  readonly compared: "cpuUs" | "p99Us" | "connectionBytes";
  /** What it needs of a target beyond plain HTTP. */
  readonly needs?: "tls" | "websocket" | undefined;
  /** Whether each turn needs a process that has not served before. */
  readonly fresh?: boolean | undefined;
  /** Starts the node that all targets forward to, on `place.cores.load`. */
  startNode(place: Omit<Place, "listenPort">): Promise<AsyncDisposable>;
  /** @throws Error that says why this target does not serve this load. */
  probe(subject: Subject): Promise<void>;
  /** One turn, after a warm-up that does not count. */
  run(subject: Subject, seconds: number): Promise<Sample>;
}

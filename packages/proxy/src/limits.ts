/** Bounds of the engine. Each has a default, {@link defaultLimits}; where 0 is allowed it means no bound. */
export interface ProxyLimits {
  /** Bytes of a request head, and of an answer's. */
  readonly maxHeadBytes?: number | undefined;
  /** Fields of a request head, and of an answer's. */
  readonly maxHeaders?: number | undefined;
  /** Bytes of a request's body, without what frames it. */
  readonly maxBodyBytes?: number | undefined;
  /**
   * Bytes of a request's body that are kept until the answer begins, as they came over the wire, so that
   * another node can have them when the request may be repeated. 0: a body that was begun goes to one node only.
   */
  readonly maxReplayBytes?: number | undefined;
  /** Chunk extensions of one body, in bytes. */
  readonly maxExtensionBytes?: number | undefined;
  /** Trailer section, in bytes. */
  readonly maxTrailerBytes?: number | undefined;
  /** Interim answers of a node to one request. */
  readonly maxInformational?: number | undefined;
  /** From connect, or the first byte of a further head, to its last byte, in ms. */
  readonly headTimeoutMs?: number | undefined;
  /** How long a client's connection is kept between requests, in ms. */
  readonly idleTimeoutMs?: number | undefined;
  /** Silence of a client that still has to send its body, in ms. */
  readonly bodyTimeoutMs?: number | undefined;
  /** How long a client may take nothing of its answer, in ms. */
  readonly clientSendTimeoutMs?: number | undefined;
  /** From a request's head to the end of its answer, in ms. A tunnel has no such bound. */
  readonly totalTimeoutMs?: number | undefined;
  /** How long the rest of a body is thrown away after its answer, in ms; then the connection is cut. */
  readonly discardTimeoutMs?: number | undefined;
  /** How long a connection is read on after its last answer, so that the client gets that, in ms. */
  readonly lingerTimeoutMs?: number | undefined;
  /** How long both sides of a tunnel may be silent, in ms. */
  readonly tunnelIdleTimeoutMs?: number | undefined;
  /** Requests over one client connection. */
  readonly maxRequestsPerConnection?: number | undefined;
  /** Client connections in all; further ones are closed at once. */
  readonly maxConnections?: number | undefined;
  /** Connections to one node, idle ones included. */
  readonly maxConnectionsPerNode?: number | undefined;
  /** Connections to all nodes together, idle ones included. */
  readonly maxNodeConnections?: number | undefined;
  /** Requests that may wait for a connection to one node, when there is a bound. */
  readonly maxQueuePerNode?: number | undefined;
  /** How long each may wait, in ms; then another node is tried. */
  readonly queueTimeoutMs?: number | undefined;
  /** Idle connections kept per node. */
  readonly maxIdlePerNode?: number | undefined;
  /** How long an idle connection to a node is kept, in ms. */
  readonly nodeIdleTimeoutMs?: number | undefined;
  /** Silence on a TCP connection, to clients and to nodes, before the kernel asks whether the other side is there, in ms. */
  readonly tcpKeepAliveMs?: number | undefined;
}

/** Every bound with a value. */
export type FullLimits = { readonly [Name in keyof ProxyLimits]-?: number };

/** What holds when nothing is said. */
export const defaultLimits: FullLimits = Object.freeze({
  maxHeadBytes: 32_768,
  maxHeaders: 128,
  maxBodyBytes: 0,
  maxReplayBytes: 65_536,
  maxExtensionBytes: 4_096,
  maxTrailerBytes: 8_192,
  maxInformational: 16,
  headTimeoutMs: 60_000,
  idleTimeoutMs: 75_000,
  bodyTimeoutMs: 60_000,
  clientSendTimeoutMs: 60_000,
  totalTimeoutMs: 0,
  discardTimeoutMs: 30_000,
  lingerTimeoutMs: 2_000,
  tunnelIdleTimeoutMs: 3_600_000,
  maxRequestsPerConnection: 0,
  maxConnections: 0,
  maxConnectionsPerNode: 0,
  maxNodeConnections: 0,
  maxQueuePerNode: 1_024,
  queueTimeoutMs: 5_000,
  maxIdlePerNode: 320,
  nodeIdleTimeoutMs: 60_000,
  tcpKeepAliveMs: 60_000,
});

const dayMs = 86_400_000;
const count: LimitBounds = [0, 1_000_000];
const time: LimitBounds = [1, dayMs];
const timeOrNone: LimitBounds = [0, dayMs];

/** Least and most. */
export type LimitBounds = readonly [number, number];

/** What each may be set to; all are whole numbers. */
export const limitBounds: Readonly<Record<keyof ProxyLimits, LimitBounds>> = Object.freeze({
  maxHeadBytes: [64, 1_048_576],
  maxHeaders: [1, 10_000],
  maxBodyBytes: [0, Number.MAX_SAFE_INTEGER],
  maxReplayBytes: [0, 16_777_216],
  maxExtensionBytes: [0, 1_048_576],
  maxTrailerBytes: [0, 1_048_576],
  maxInformational: [0, 1_000],
  headTimeoutMs: time,
  idleTimeoutMs: time,
  bodyTimeoutMs: time,
  clientSendTimeoutMs: time,
  totalTimeoutMs: timeOrNone,
  discardTimeoutMs: time,
  lingerTimeoutMs: time,
  tunnelIdleTimeoutMs: timeOrNone,
  maxRequestsPerConnection: count,
  maxConnections: count,
  maxConnectionsPerNode: count,
  maxNodeConnections: count,
  maxQueuePerNode: count,
  queueTimeoutMs: time,
  maxIdlePerNode: count,
  nodeIdleTimeoutMs: time,
  tcpKeepAliveMs: [1_000, dayMs],
});

/**
 * Fills in defaults.
 *
 * @throws RangeError that names the bound, what it must be and what it is.
 */
export function fullLimits(given: ProxyLimits): FullLimits {
  const limits: Record<string, number> = { ...defaultLimits };
  for (const [name, [least, most]] of Object.entries(limitBounds)) {
    const value = given[name as keyof ProxyLimits];
    if (value === undefined) continue;
    if (!Number.isInteger(value) || value < least || value > most) {
      throw new RangeError(
        `${name} must be a whole number from ${least} to ${most}, got ${String(value)}`,
      );
    }
    limits[name] = value;
  }
  return limits as unknown as FullLimits;
}

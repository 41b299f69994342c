/**
 * The engine's one question and everything it needs in the answer.
 *
 * The engine knows no registry and no configuration file: for each request it asks
 * {@link ProxyOptions.route} where the head goes and follows the answer.
 */

import type { ListenTls, NodeTls } from "./contract-tls.ts";
import type { ProxyLimits } from "./limits.ts";

/** A request head as it came over the wire, plus what the connection knows. */
export interface RequestHead {
  readonly method: string;
  /** Request target as received, byte for byte: `/a%2Fb?x=1`, or `*` for `OPTIONS *`. */
  readonly target: string;
  readonly httpVersion: "1.0" | "1.1";
  /** Field names and values in turn, in wire order, names as spelled by the client. */
  readonly rawHeaders: readonly string[];
  /** First value of a field, by lower-case name. */
  header(name: string): string | undefined;
  /**
   * The client's address without brackets: the peer's, or what {@link ProxyOptions.trustedProxies} say of him.
   */
  readonly remoteAddress: string;
  /** Who is connected to us, without brackets. */
  readonly peerAddress: string;
  readonly remotePort: number;
  /** Local port the request came in on. */
  readonly localPort: number;
  /** Whether the client spoke TLS. */
  readonly secure: boolean;
}

/** Where one attempt connects to. A service node has this shape. */
export interface UpstreamNode {
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** Name for SNI and the certificate, when `host` is an address. */
  readonly hostname?: string | undefined;
}

/** How an attempt ended, for passive health and balancing. */
export type AttemptOutcome = "ok" | "http_failure" | "tcp_failure" | "timeout" | "cancelled";

/** A chosen node. `done` is called exactly once per pick, also when the client goes away, and when it throws. */
export interface Attempt {
  readonly node: UpstreamNode;
  done(outcome: AttemptOutcome, elapsedMs: number): void;
}

/** Deadlines of one attempt, in ms; each above 0. */
export interface ForwardTimeouts {
  /** Until the TCP (and TLS) connection stands. */
  readonly connectMs: number;
  /** Between two writes of the request to the node. */
  readonly sendMs: number;
  /** Between two reads of the response from the node. */
  readonly readMs: number;
}

/** Forward the request to a node that `pick` chooses. */
export interface Forward {
  readonly kind: "forward";
  /** Chooses a node, skipping those already tried; `undefined` when there is none (left). */
  pick(tried: readonly UpstreamNode[]): Attempt | undefined;
  /** Request target to send; the received one, byte for byte, when left out. */
  readonly target?: string | undefined;
  /** `pass`: the client's Host. `node`: the node's name and port. Otherwise this very value. */
  readonly host: "pass" | "node" | { readonly value: string };
  readonly timeouts: ForwardTimeouts;
  /** How many further nodes may be tried after the first; 0 or more. */
  readonly retries: number;
  /** No new attempt starts later than this after the first, in ms; 0 means no bound. */
  readonly retryTimeoutMs: number;
  /** How secure nodes are spoken to; {@link ProxyOptions.nodeTls} when left out. */
  readonly tls?: NodeTls | undefined;
  /** Whether the client may switch to WebSocket. Default `false`: Upgrade is not forwarded. */
  readonly upgrade?: boolean | undefined;
  /** Handed back unread in {@link ProxyFailure} and {@link Completed}, so callers know whose it was. */
  readonly context?: unknown;
}

/** Answer at once, without a node. */
export interface Reply {
  readonly kind: "reply";
  /** 200 to 599. */
  readonly status: number;
  /** Without Content-Length, Transfer-Encoding and Connection, which are the engine's. */
  readonly headers: Readonly<Record<string, string>>;
  /** Sent as UTF-8. */
  readonly body: string;
  /** Handed back unread in {@link Completed}, when this is what `route` answered. */
  readonly context?: unknown;
}

/** Why the engine answers by itself. */
export type FailureReason =
  | "bad_request" // 400: the request has more than one reading
  | "target_too_long" // 414
  | "head_too_large" // 431
  | "body_too_large" // 413
  | "request_timeout" // 408: the client was too slow
  | "unsupported" // 501: CONNECT, unknown transfer coding
  | "version_unsupported" // 505
  | "loop_detected" // 508: the request has been here before
  | "nodes_busy" // 503: every connection that may be opened is in use
  | "no_node" // 503: pick had nothing to offer
  | "connect_failed" // 502: every attempt failed to connect
  | "upstream_broke" // 502: the node closed or spoke nonsense before its response
  | "upstream_timeout" // 504
  | "route_failed"; // 500: route threw

/** One failure that the engine has to answer itself. */
export interface ProxyFailure {
  readonly reason: FailureReason;
  readonly status: number;
  /** A short text without secrets: what happened, where. */
  readonly detail: string;
  readonly tried: readonly UpstreamNode[];
  readonly context?: unknown;
}

/** Functions of the program that embeds the engine. */
export type CallbackName =
  | "route"
  | "pick"
  | "done"
  | "describeFailure"
  | "onCompleted"
  | "onHandshake"
  | "allowAddress";

/** One finished exchange, for metrics and access logs. */
export interface Completed {
  readonly method: string;
  readonly target: string;
  /** Status sent to the client; 0 when it left first. */
  readonly status: number;
  readonly elapsedMs: number;
  readonly attempts: number;
  readonly node?: UpstreamNode | undefined;
  /** As {@link RequestHead.remoteAddress}. */
  readonly remoteAddress: string;
  readonly context?: unknown;
}

/** What may be changed while requests are served. */
export interface ProxySettings extends ProxyLimits {
  /**
   * Methods of requests that may be sent again when it is unclear whether they arrived; names are as in requests,
   * in capitals. Default: those that RFC 9110 §9.2.2 calls idempotent (GET, HEAD, OPTIONS, TRACE, PUT, DELETE).
   * Whatever the method, a request of which nothing was sent goes to another node, and one whose answer has
   * begun does not.
   */
  readonly repeatMethods?: readonly string[] | undefined;
  /**
   * Addresses, and networks such as `10.0.0.0/8`, of proxies whose X-Forwarded-* or Forwarded fields are believed.
   * Default: none.
   */
  readonly trustedProxies?: readonly string[] | undefined;
  /**
   * Which fields those proxies keep: `x-forwarded`, `forwarded` (RFC 7239), or `either`: X-Forwarded-* where any
   * of them is there, else Forwarded. Never both. Name the one when they pass on what clients write into the
   * other. Default `either`.
   */
  readonly trustedFields?: "either" | "x-forwarded" | "forwarded" | undefined;
  /**
   * What happens when a client ends its half of the connection while it waits for an answer: `cancel`, since
   * most that do have left; `serve`, for clients that wait for the answer all the same. Default `cancel`.
   */
  readonly halfClose?: "cancel" | "serve" | undefined;
}

export interface ProxyOptions extends ProxySettings {
  /**
   * Where does this head go? May answer later. A throw, a rejection, or an answer that cannot be followed is
   * answered with 500 and told to {@link onError}.
   */
  route(head: RequestHead): Forward | Reply | Promise<Forward | Reply>;
  /**
   * Shapes the answer to a failure. Default: a JSON body `{ "error_msg", "code", "reason" }`, also where this
   * throws.
   */
  describeFailure?: ((failure: ProxyFailure) => Reply) | undefined;
  /** Called once per finished exchange; must be cheap. */
  onCompleted?: ((completed: Completed) => void) | undefined;
  /** Called once per handshake of a client that began one; must be cheap. */
  onHandshake?: ((result: "completed" | "failed") => void) | undefined;
  /**
   * Told what a function given here, or in what `route` answers, threw or rejected with. The exchange goes on,
   * and no function is called again because it threw: a `route` or `pick` that did is a 500, an `allowAddress`
   * a no, a `describeFailure` the default answer, all others change nothing. Default, and for what it throws
   * itself: a process warning (`RollcallProxyWarning`), the first time for each function.
   */
  onError?: ((error: unknown, from: CallbackName) => void) | undefined;
  /** For forwards that say nothing of it. */
  readonly nodeTls?: NodeTls | undefined;
  /**
   * Whether a connection to this address and port may be made; asked for each address a node's name
   * resolves to.
   * A node without an allowed address counts as one that refused the connection. Default: all.
   */
  readonly allowAddress?: ((address: string, port: number) => boolean) | undefined;
  /**
   * How sockets of clients are read: `shared`, into one buffer, which takes one step that Node does not
   * document and is not taken where it fails; `public`, by documented means only, slower. Default `shared`.
   */
  readonly reads?: "shared" | "public" | undefined;
  /**
   * Whether other processes of this user may listen on the same addresses; the kernel then gives each its share of
   * the connections (`SO_REUSEPORT`: Linux, FreeBSD). Default `false`.
   */
  readonly reusePort?: boolean | undefined;
}

/** Address a listener is bound to. */
export interface ListenAddress {
  readonly host: string;
  readonly port: number;
}

/** What to listen on. */
export interface ListenOptions extends ListenAddress {
  /** Left out: plain HTTP. */
  readonly tls?: ListenTls | undefined;
}

export interface Proxy {
  /**
   * Sets everything in {@link ProxySettings} anew, what is left out to its default. Clients that are connected
   * keep what they came under, except for what regards connections to nodes.
   *
   * @throws TypeError or RangeError that names what is wrong; nothing changed then.
   */
  configure(settings: ProxySettings): void;
  /**
   * Opens one more listener; resolves with the bound address (port 0 picks a free one).
   *
   * @throws TypeError  When a certificate or key cannot be used: says which.
   * @throws Error  After {@link close}.
   */
  listen(options: ListenOptions): Promise<ListenAddress>;
  /**
   * Replaces the certificates of a listener, or turns TLS on or off, for connections still to come; those
   * that stand go on.
   *
   * @param address  As {@link listen} told it.
   * @throws TypeError  When a certificate or key cannot be used; nothing changed then.
   */
  setTls(address: ListenAddress, tls: ListenTls | undefined): void;
  /**
   * What the tickets of TLS sessions are sealed with from now on, on all listeners: proxies of the same secret take
   * up each other's sessions wherever they have the same certificates. Sessions of before make one handshake in
   * full. Whoever learns the secret can read recorded TLS 1.2 connections of its time, and answer clients that take
   * up a session: replace it often, and keep it in memory alone. Default: Node makes keys for each listener and set
   * of certificates.
   *
   * @param secret  Random, 32 bytes or more.
   * @throws RangeError  When it is shorter; nothing changed then.
   */
  setTicketSecret(secret: Uint8Array): void;
  /** Requests being served now. */
  readonly inFlight: number;
  /**
   * Stops accepting, lets running requests finish for up to `drainMs`, then cuts the rest. Idle
   * connections close at once, new ones that have sent nothing yet a moment later; running ones are told
   * `Connection: close`.
   *
   * @default drainMs 5_000
   */
  close(options?: { readonly drainMs?: number | undefined }): Promise<void>;
}

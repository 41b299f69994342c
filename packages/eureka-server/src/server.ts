import {
  createServer as createHttpServer,
  type IncomingMessage,
  type RequestListener,
  type Server,
} from "node:http";
import { createServer as createHttpsServer } from "node:https";
import { isIPv6, type AddressInfo } from "node:net";

import { Api } from "./api.ts";
import { basicAuth } from "./auth.ts";
import { EurekaServerError } from "./error.ts";
import { resolveOptions, type EurekaServerOptions, type ResolvedOptions } from "./options.ts";
import { parseTarget } from "./path.ts";
import { notFound, Refusal } from "./refusal.ts";
import { negotiate, sendRefusal } from "./reply.ts";
import { findHandler } from "./route.ts";
import { Store } from "./store.ts";

/** A running registry. */
export interface EurekaServer extends AsyncDisposable {
  /** What clients are configured with: `http://127.0.0.1:8761/eureka/`, with the trailing slash. */
  readonly url: string;
  /** The address or name it listens on, as given. */
  readonly host: string;
  /** The port it listens on, never 0. */
  readonly port: number;
  /**
   * Forgets all nodes, overrides and deltas at once, as a restart would. Clients are not told: their next
   * heartbeat is answered with 404. `onChange` is not called.
   */
  wipe(): void;
  /** Stops: cuts open connections, frees the port, ends the timer. May be called again. */
  close(): Promise<void>;
}

/**
 * Starts a registry that speaks Eureka's REST protocol: one process, everything in memory, for development
 * and tests. It has no peers and keeps nothing when it stops.
 *
 * @throws {EurekaServerError} (rejects) `INVALID` for a bad option, before anything is opened; the code of the
 *   operating system, such as `EADDRINUSE`, when the port cannot be had.
 */
export async function startEurekaServer(options: EurekaServerOptions = {}): Promise<EurekaServer> {
  const resolved = resolveOptions(options);
  const store = new Store(resolved);
  const server = createServer(resolved, listener(store, resolved));
  await listen(server, resolved);
  const stopEviction = evictRepeatedly(store, resolved);
  const { port } = server.address() as AddressInfo;
  const scheme = resolved.tls === undefined ? "http" : "https";
  const host = isIPv6(resolved.host) ? `[${resolved.host}]` : resolved.host;
  let closed: Promise<void> | undefined;

  function close(): Promise<void> {
    closed ??= new Promise((resolve) => {
      stopEviction();
      server.close(() => resolve());
      server.closeAllConnections();
    });
    return closed;
  }

  return {
    url: `${scheme}://${host}:${port}/eureka/`,
    host: resolved.host,
    port,
    wipe: () => store.wipe(),
    close,
    [Symbol.asyncDispose]: close,
  };
}

function createServer({ tls }: ResolvedOptions, onRequest: RequestListener): Server {
  // Longer than clients keep idle connections, so that it is they who close them.
  const timeouts = { keepAliveTimeout: 65_000, headersTimeout: 10_000, requestTimeout: 30_000 };
  if (tls === undefined) return createHttpServer(timeouts, onRequest);
  const { key, cert, ca, requestCert = false } = tls;
  const authorities = ca === undefined ? {} : { ca: [ca].flat() };
  try {
    return createHttpsServer(
      { ...timeouts, key, cert, ...authorities, requestCert, rejectUnauthorized: requestCert },
      onRequest,
    );
  } catch (cause) {
    throw new EurekaServerError(
      "INVALID",
      "option tls holds a key or certificate that cannot be used",
      cause,
    );
  }
}

function listener(store: Store, options: ResolvedOptions): RequestListener {
  const api = new Api(store, options);
  const isAllowed = options.credentials && basicAuth(options.credentials);
  return (request, response) => {
    async function answer(): Promise<void> {
      if (isAllowed?.(request.headers.authorization) === false) {
        const headers = { "www-authenticate": 'Basic realm="Realm"' };
        throw new Refusal(401, "the credentials are missing or wrong", { body: "", headers });
      }
      const target = parseTarget(request.url ?? "/");
      if (target === undefined) throw notFound("such path; the registry is at /eureka/");
      const handler = findHandler(api, target.segments, request.method ?? "GET");
      const format = negotiate(request.headers.accept);
      await handler({ request, response, query: target.query, format });
    }
    answer().catch((error: unknown) => {
      if (error instanceof Refusal) sendRefusal(request, response, error, options.clock.unixMs());
      else if (!isClientGone(request)) {
        process.emitWarning(error as Error);
        response.destroy();
      }
    });
  };
}

function isClientGone(request: IncomingMessage): boolean {
  return request.destroyed && !request.complete;
}

function evictRepeatedly(store: Store, { clock, evictionIntervalMs }: ResolvedOptions): () => void {
  let cancel = clock.after(evictionIntervalMs, run);
  function run(): void {
    cancel = clock.after(evictionIntervalMs, run);
    store.evict();
  }
  return () => cancel();
}

async function listen(server: Server, { host, port }: ResolvedOptions): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  server.once("error", reject);
  server.listen({ host, port }, resolve);
  try {
    await promise;
  } catch (cause) {
    const { code = "UNKNOWN" } = cause as NodeJS.ErrnoException;
    const reason = reasons.get(code) ?? `cannot be listened on (${code})`;
    throw new EurekaServerError(
      code,
      `${isIPv6(host) ? `[${host}]` : host}:${port} ${reason}`,
      cause,
    );
  } finally {
    server.off("error", reject);
  }
}

const reasons: ReadonlyMap<string, string> = new Map([
  ["EADDRINUSE", "is in use already (EADDRINUSE); choose another port"],
  ["EACCES", "needs more rights (EACCES); choose a port above 1023"],
  ["EADDRNOTAVAIL", "is no address of this machine (EADDRNOTAVAIL)"],
]);

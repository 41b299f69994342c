import { type ClientHttp2Session, connect as connectHttp2 } from "node:http2";
import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import { Connection, type ConnectionOptions } from "./connection.ts";
import type { Host } from "./host.ts";
import type { EtcdTls } from "./options.ts";
import { broken, foreign, type RpcFailure, silent, unreachable } from "./rpc-failure.ts";

/** Room for answers under way, in bytes: one round trip then carries a page of a large service. */
const streamWindowBytes = 1_048_576;
const sessionWindowBytes = 4_194_304;

/** How connections are made. */
export interface OpenOptions extends ConnectionOptions {
  readonly tls: EtcdTls | undefined;
  readonly connectMs: number;
}

/**
 * Connects to one member, and makes sure that it speaks HTTP/2: a listener that accepts and says nothing
 * is no member.
 *
 * @throws {@link RpcFailure} of source `broken` or `foreign`; the signal's reason.
 */
export function openConnection(
  host: Host,
  options: OpenOptions,
  signal: AbortSignal,
): Promise<Connection> {
  return new Promise((resolve, reject) => {
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    const socket = openSocket(host, options.tls);
    // Whoever waits for us keeps the process alive.
    socket.unref();
    let session: ClientHttp2Session | undefined;
    const over = (): void => {
      cancelTimer();
      signal.removeEventListener("abort", aborted);
    };
    const fail = (reason: unknown): void => {
      over();
      session?.destroy();
      socket.destroy();
      reject(reason);
    };
    const aborted = (): void => fail(signal.reason);
    const cancelTimer = options.clock.after(options.connectMs, () =>
      fail(silent(`${host.url} is not connected within ${options.connectMs} ms`)),
    );
    signal.addEventListener("abort", aborted, { once: true });
    socket.on("error", (cause) => fail(failureOf(host.url, cause)));
    socket.once("close", () => fail(broken(host.url)));
    socket.once(host.secure ? "secureConnect" : "connect", () => {
      session = connectHttp2(host.url, {
        createConnection: () => socket,
        settings: { enablePush: false, initialWindowSize: streamWindowBytes },
        maxSessionMemory: 64,
      });
      session.once("connect", (one) => one.setLocalWindowSize(sessionWindowBytes));
      session.on("error", (cause) => fail(failureOf(host.url, cause)));
      session.unref();
      session.once("remoteSettings", () => {
        if (session === undefined) return;
        over();
        resolve(new Connection(host, session, socket, options));
      });
    });
  });
}

/** What came was no HTTP/2, as of a web server or of a proxy that cannot pass it on; or nothing came. */
function failureOf(url: string, cause: Error): RpcFailure {
  const { code } = cause as { readonly code?: unknown };
  return code === "ERR_HTTP2_ERROR"
    ? foreign(`${url} answers, but not in HTTP/2, so it is no etcd`, cause)
    : unreachable(url, cause);
}

function openSocket(host: Host, tls: EtcdTls | undefined): Socket {
  const { hostname, port } = host;
  if (!host.secure) return connectTcp({ host: hostname, port, noDelay: true });
  const { ca, cert, key, serverName, verify } = tls ?? {};
  const servername = serverName ?? (isIP(hostname) === 0 ? hostname : undefined);
  const socket = connectTls({
    host: hostname,
    port,
    ALPNProtocols: ["h2"],
    ...(servername === undefined ? {} : { servername }),
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
    ...(verify === false ? { rejectUnauthorized: false } : {}),
  });
  socket.setNoDelay(true);
  return socket;
}

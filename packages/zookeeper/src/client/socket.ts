import { connect as connectTcp, isIP, type Socket } from "node:net";
import { connect as connectTls } from "node:tls";

import type { Server } from "./server-list.ts";

/** TLS towards the servers, as `node:tls` takes it. */
export interface SocketTls {
  readonly ca?: string | Buffer | readonly (string | Buffer)[] | undefined;
  readonly cert?: string | Buffer | undefined;
  readonly key?: string | Buffer | undefined;
  readonly serverName?: string | undefined;
  readonly verify?: boolean | undefined;
}

/** Opens a connection to one server; resolves once it stands, TLS included. The signal closes it until then. */
export async function openSocket(
  { host, port }: Server,
  tls: SocketTls | undefined,
  signal: AbortSignal,
): Promise<Socket> {
  signal.throwIfAborted();
  const socket = tls === undefined ? connectTcp({ host, port }) : openTls(host, port, tls);
  // Whoever waits for it keeps the process; it does not.
  socket.unref();
  const { promise, resolve, reject } = Promise.withResolvers<void>();
  const aborted = (): void => {
    socket.destroy();
    reject(signal.reason);
  };
  signal.addEventListener("abort", aborted, { once: true });
  socket.once("error", reject);
  socket.once(tls === undefined ? "connect" : "secureConnect", resolve);
  try {
    await promise;
  } catch (error) {
    socket.on("error", () => undefined);
    socket.destroy();
    throw error;
  } finally {
    signal.removeEventListener("abort", aborted);
    socket.off("error", reject);
  }
  socket.setNoDelay(true);
  return socket;
}

function openTls(host: string, port: number, tls: SocketTls): Socket {
  const { ca, cert, key, serverName, verify = true } = tls;
  const name = serverName ?? host;
  return connectTls({
    host,
    port,
    rejectUnauthorized: verify,
    // An address is checked against the certificate, but not sent as a name.
    ...(isIP(name) === 0 ? { servername: name } : {}),
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
    ...(cert === undefined ? {} : { cert }),
    ...(key === undefined ? {} : { key }),
  });
}

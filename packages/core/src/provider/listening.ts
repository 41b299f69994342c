import type { Server } from "node:http";

/** Where a server listens, or shall listen. */
export interface ListenOptions {
  /** Default: the node's host. */
  readonly host?: string | undefined;
  /** Default: a free one. */
  readonly port?: number | undefined;
}

/**
 * Makes a server listen that does not yet.
 *
 * @returns the port; `undefined` when it listens on a pipe.
 * @throws the server's own error, such as `EADDRINUSE`.
 */
export async function listening(
  server: Server,
  options: ListenOptions,
): Promise<number | undefined> {
  if (!server.listening) {
    const { promise, resolve, reject } = Promise.withResolvers<void>();
    server.once("error", reject);
    server.listen({ host: options.host, port: options.port ?? 0 }, resolve);
    await promise;
    server.off("error", reject);
  }
  const address = server.address();
  return typeof address === "object" ? address?.port : undefined;
}

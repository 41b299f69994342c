import { createServer } from "node:net";
import type { AddressInfo } from "node:net";

import type { ListenConfig } from "../config/gateway-config.ts";
import { ListenError } from "../listen-error.ts";

/**
 * The port that is wanted, or a free one for 0: all workers have to be told the same.
 *
 * @throws ListenError when somebody listens there, or nobody could.
 */
export async function freePort(config: ListenConfig): Promise<number> {
  const server = createServer();
  try {
    await new Promise<void>((resolve, reject) => {
      server.once("error", reject);
      server.listen({ host: config.host, port: config.port, exclusive: true }, resolve);
    });
  } catch (error) {
    throw new ListenError(config, error);
  }
  const { port } = server.address() as AddressInfo;
  await new Promise<void>((resolve) => server.close(() => resolve()));
  return port;
}

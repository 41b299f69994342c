import { createServer } from "node:net";

import type { DemoOptions } from "./options.ts";

/** A port that we were asked to use and cannot. */
export interface BusyPort {
  readonly flag: string;
  readonly port: number;
}

/** Which of the demo's ports are taken. */
export async function busyPorts(options: DemoOptions): Promise<readonly BusyPort[]> {
  const wanted = [
    { flag: "--port", port: options.port },
    { flag: "--admin-port", port: options.adminPort },
    { flag: "--eureka-port", port: options.eurekaPort },
  ];
  const free = await Promise.all(wanted.map(({ port }) => isFree(port)));
  return wanted.filter((_, index) => free[index] === false);
}

function isFree(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const probe = createServer();
    probe.once("error", () => resolve(false));
    probe.listen({ host: "127.0.0.1", port }, () => probe.close(() => resolve(true)));
  });
}

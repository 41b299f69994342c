import { parseArgs } from "node:util";

/** Ports of the three listeners. */
export interface DemoOptions {
  readonly port: number;
  readonly adminPort: number;
  readonly eurekaPort: number;
}

export const usage = `Usage: npm start -- [--port 9080] [--admin-port 9090] [--eureka-port 8761]
       npm start -- --config FILE [--routes FILE] [--check]

Without --config: starts an in-process registry, four providers and the gateway, all on 127.0.0.1.
With --config: runs the gateway alone on that file.

  --port         port of the gateway (default 9080)
  --admin-port   port of its admin pages and metrics (default 9090)
  --eureka-port  port of the registry (default 8761)
`;

/** Bad flags: the message names the flag, the value and the fix. */
export class UsageError extends Error {}

/** @throws {@link UsageError} */
export function parseOptions(args: readonly string[]): DemoOptions | "help" {
  let values: Readonly<Record<string, string | boolean | undefined>>;
  try {
    ({ values } = parseArgs({
      args: [...args],
      options: {
        port: { type: "string", default: "9080" },
        "admin-port": { type: "string", default: "9090" },
        "eureka-port": { type: "string", default: "8761" },
        help: { type: "boolean", short: "h" },
      },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message.split(". ")[0] : "bad flags");
  }
  if (values["help"] === true) return "help";
  const options = {
    port: portOf("--port", values["port"]),
    adminPort: portOf("--admin-port", values["admin-port"]),
    eurekaPort: portOf("--eureka-port", values["eureka-port"]),
  };
  const flags = new Map<number, string>();
  for (const [flag, port] of [
    ["--port", options.port],
    ["--admin-port", options.adminPort],
    ["--eureka-port", options.eurekaPort],
  ] as const) {
    const other = flags.get(port);
    if (other !== undefined) {
      throw new UsageError(`${other} and ${flag} are both ${port}: give each its own port`);
    }
    flags.set(port, flag);
  }
  return options;
}

function portOf(flag: string, value: string | boolean | undefined): number {
  const port = typeof value === "string" && /^\d{1,5}$/.test(value) ? Number(value) : NaN;
  if (!(port >= 1 && port <= 65_535)) {
    throw new UsageError(`${flag} must be a port from 1 to 65535, got "${String(value)}"`);
  }
  return port;
}

import { randomUUID } from "node:crypto";
import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { type ConsulAccess, consulApi } from "./consul-api.ts";
import { agentConfig, type ConsulMembership } from "./consul-config.ts";
import type { ConsulOptions } from "./consul-options.ts";
import { consulProgram } from "./consul-program.ts";
import { endingWithParent } from "./end-with-parent.ts";
import { freePort } from "./free-port.ts";
import type { ServerProcess } from "./server-process.ts";
import { startServer } from "./start-server.ts";

/** A real Consul agent of our own, running as a server. */
export interface ConsulProcess extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  readonly version: string;
  readonly datacenter: string;
  /** With {@link ConsulOptions.acl}: a token for everything. */
  readonly token: string | undefined;
  /** What {@link consulApi} needs to do everything here. */
  readonly access: ConsulAccess;
  /** Address of its gossip between datacentres. */
  readonly wanAddress: string;
  /** Address under which its cluster knows it, as `/v1/status/leader` shows it. */
  readonly serverAddress: string;
  /** The end of what the agent printed. */
  logTail(): string;
  /** Ends it in good order. Idempotent. */
  stop(): Promise<void>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Freezes it: connections stay open and nothing is answered. */
  pause(): Promise<void>;
  /** Ends {@link ConsulProcess.pause}. */
  resume(): void;
  /**
   * Stops it if it runs, and starts it on the same ports: with its data if it is durable, unless `empty`, else with
   * nothing in it.
   */
  restart(options?: { readonly empty?: boolean | undefined }): Promise<void>;
}

/**
 * Starts a real Consul agent on 127.0.0.1, fetching it on first use, and waits until it has a leader and shows itself
 * in the catalogue.
 *
 * @throws Error saying what is missing, or with the end of the agent's log.
 */
export function startConsul(options: ConsulOptions = {}): Promise<ConsulProcess> {
  return startMember(options, undefined);
}

/** {@link startConsul}, as a member of a cluster. */
export async function startMember(
  options: ConsulOptions,
  membership: ConsulMembership | undefined,
): Promise<ConsulProcess> {
  const { datacenter = "dc1", tls, acl = false } = options;
  const durable = options.durable === true || membership !== undefined;
  const program = await consulProgram(options.lane);
  const port = options.port ?? (await freePort());
  const ports = { lan: membership?.lanPort ?? (await freePort()), wan: await freePort() };
  const serverPort = await freePort();
  const token = acl ? randomUUID() : undefined;
  const client = tls?.authority.issue("testbed");
  const access: ConsulAccess = {
    url: `${tls === undefined ? "http" : "https"}://127.0.0.1:${port}`,
    token,
    ...(tls && { ca: tls.authority.caPem, cert: client?.certPem, key: client?.keyPem }),
  };
  const folder = await mkdtemp(join(tmpdir(), "rollcall-consul-"));
  const data = join(folder, "data");
  const config = await agentConfig(options, {
    folder,
    data,
    version: program.version,
    ports: { api: port, server: serverPort, ...ports },
    token,
    membership,
  });
  const start = async (): Promise<ServerProcess> => {
    await mkdir(data, { recursive: true });
    const file = join(folder, "agent.json");
    await writeFile(file, JSON.stringify(config), { mode: 0o600 });
    const args = ["agent", ...(durable ? [] : ["-dev"]), `-config-file=${file}`];
    return startServer({
      what: `Consul on port ${port}`,
      image: program.image,
      container: { kind: "consul", folders: [folder] },
      ...(program.image === undefined
        ? endingWithParent(program.command, args)
        : { command: program.command, args }),
      isReady: () => isReady(access),
    });
  };
  const remove = (): Promise<void> => rm(folder, { recursive: true, force: true });
  let server: ServerProcess;
  try {
    server = await start();
  } catch (error) {
    await remove();
    throw error;
  }
  const stop = async (): Promise<void> => {
    await server.stop();
    await remove();
  };
  return {
    url: access.url,
    port,
    version: program.version,
    datacenter,
    token,
    access,
    wanAddress: `127.0.0.1:${ports.wan}`,
    serverAddress: `127.0.0.1:${serverPort}`,
    logTail: () => server.logTail(),
    stop,
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: async ({ empty = false } = {}) => {
      await server.stop();
      if (empty) await rm(data, { recursive: true, force: true });
      server = await start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** The agent's own record appears some moments after the leader. */
async function isReady(access: ConsulAccess): Promise<boolean> {
  const { status, body } = await consulApi(access, "GET", "/v1/health/service/consul?passing");
  return status === 200 && Array.isArray(body) && body.length > 0;
}

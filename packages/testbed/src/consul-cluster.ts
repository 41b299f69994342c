import { type ConsulProcess, startMember } from "./consul.ts";
import type { ConsulOptions } from "./consul-options.ts";
import { consulApi } from "./consul-api.ts";
import { freePort } from "./free-port.ts";
import { until } from "./until.ts";

const size = 3;

/** Three Consul servers of one datacentre. */
export interface ConsulCluster extends AsyncDisposable {
  readonly servers: readonly ConsulProcess[];
  /** The server that leads, once all that run agree on it. */
  leader(): Promise<ConsulProcess>;
  /** Ends the leader as a crash does, and resolves with it; the others have not chosen yet. */
  killLeader(): Promise<ConsulProcess>;
  /** Waits until all that run agree on a leader that runs, and writes are possible again. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts three servers with data on disk and waits until they are one cluster.
 *
 * @throws Error as {@link startConsul} does.
 */
export async function startConsulCluster(
  options: Pick<ConsulOptions, "datacenter" | "settings"> = {},
): Promise<ConsulCluster> {
  const lanPorts = await Promise.all(Array.from({ length: size }, () => freePort()));
  const join = lanPorts.map((port) => `127.0.0.1:${port}`);
  const starts = await Promise.allSettled(
    lanPorts.map((lanPort) => startMember(options, { expect: size, lanPort, join })),
  );
  const servers = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(servers.map((server) => server.stop()));
  };
  const failed = starts.find((start) => start.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const leader = (): Promise<ConsulProcess> =>
    until(() => agreedLeader(servers), { what: "the servers to agree on a leader" });
  return {
    servers,
    leader,
    killLeader: async () => {
      const killed = await leader();
      await killed.kill();
      return killed;
    },
    settled: async () => {
      const { access } = await leader();
      await until(
        async () => (await consulApi(access, "PUT", "/v1/kv/testbed", "settled")).body === true,
        { what: "the cluster to accept a write" },
      );
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function agreedLeader(servers: readonly ConsulProcess[]): Promise<ConsulProcess | undefined> {
  const answers = await Promise.allSettled(
    servers.map(({ access }) => consulApi(access, "GET", "/v1/status/leader")),
  );
  const names = answers.map((answer) =>
    answer.status === "fulfilled" ? answer.value.body : undefined,
  );
  const named = new Set(names.filter((name) => name !== undefined));
  const [name] = named;
  const index = servers.findIndex(({ serverAddress }) => serverAddress === name);
  // A leader that does not answer itself is the dead one that the others still believe in.
  return named.size === 1 && names[index] !== undefined ? servers[index] : undefined;
}

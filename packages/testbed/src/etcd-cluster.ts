import { type EtcdOptions, type EtcdProcess, startEtcdMember } from "./etcd.ts";
import { freePort } from "./free-port.ts";
import { until } from "./until.ts";

const size = 3;

/** Three members of one etcd cluster. */
export interface EtcdCluster extends AsyncDisposable {
  readonly members: readonly EtcdProcess[];
  readonly urls: readonly string[];
  /** The member that leads, once one does. */
  leader(): Promise<EtcdProcess>;
  /** Ends the leader as a crash does, and resolves with it; the others have not chosen yet. */
  killLeader(): Promise<EtcdProcess>;
  /** Waits until there is a leader that runs and writes are possible. */
  settled(): Promise<void>;
  stop(): Promise<void>;
}

/**
 * Starts three members and waits until they are one cluster.
 *
 * @throws Error as {@link startEtcd} does.
 */
export async function startEtcdCluster(
  options: Pick<EtcdOptions, "flags"> = {},
): Promise<EtcdCluster> {
  const names = ["one", "two", "three"];
  const peerPorts = await Promise.all(Array.from({ length: size }, () => freePort()));
  const cluster = names
    .map((name, index) => `${name}=http://127.0.0.1:${peerPorts[index]}`)
    .join(",");
  const starts = await Promise.allSettled(
    names.map((name, index) =>
      startEtcdMember(options, { name, peerPort: peerPorts[index]!, cluster }),
    ),
  );
  const members = starts.flatMap((start) => (start.status === "fulfilled" ? [start.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.stop()));
  };
  const failed = starts.find((start) => start.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const leader = (): Promise<EtcdProcess> =>
    until(() => leaderOf(members), { what: "the members to have a leader" });
  return {
    members,
    urls: members.map(({ url }) => url),
    leader,
    killLeader: async () => {
      const killed = await leader();
      await killed.kill();
      return killed;
    },
    settled: async () => {
      await until(async () => (await leaderOf(members))?.etcdctl("put", "testbed", "settled"), {
        what: "the cluster to accept a write",
      });
    },
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

async function leaderOf(members: readonly EtcdProcess[]): Promise<EtcdProcess | undefined> {
  for (const member of members) {
    // One that does not run does not answer, and does not lead.
    const said = await member
      .etcdctl("--command-timeout=1s", "endpoint", "status", "-w", "json")
      .catch(() => "[]");
    const [found] = JSON.parse(said.slice(said.indexOf("["))) as {
      readonly Status: {
        readonly leader?: number;
        readonly header: { readonly member_id: number };
      };
    }[];
    if (found?.Status.leader === found?.Status.header.member_id && found !== undefined) {
      return member;
    }
  }
  return undefined;
}

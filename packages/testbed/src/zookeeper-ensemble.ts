import { freePort } from "./free-port.ts";
import { until } from "./until.ts";
import { startMember, type ZookeeperProcess } from "./zookeeper.ts";
import { zookeeperServer } from "./zookeeper-program.ts";

/** Three real ZooKeeper servers of one ensemble. */
export interface ZookeeperEnsemble extends AsyncDisposable {
  readonly members: readonly ZookeeperProcess[];
  /** All members, separated by commas. */
  readonly connectString: string;
  /** The member that leads now; waits until one does. */
  leader(): Promise<ZookeeperProcess>;
  stop(): Promise<void>;
}

/**
 * Starts three members and waits until all serve.
 *
 * @throws Error as `startZookeeper` does.
 */
export async function startZookeeperEnsemble(): Promise<ZookeeperEnsemble> {
  const program = await zookeeperServer();
  const ids = [1, 2, 3];
  const settings: Record<string, string> = { initLimit: "25", syncLimit: "10" };
  const ports: number[] = [];
  for (const id of ids) {
    const [client, quorum, election] = [await freePort(), await freePort(), await freePort()];
    ports.push(client);
    const peer = `127.0.0.1:${quorum}:${election}:participant`;
    settings[`server.${id}`] = `${peer};127.0.0.1:${client}`;
  }
  const started = await Promise.allSettled(
    ids.map((myId, index) =>
      startMember(program, {
        port: ports[index]!,
        securePort: undefined,
        tls: undefined,
        sasl: undefined,
        settings,
        myId,
      }),
    ),
  );
  const members = started.flatMap((one) => (one.status === "fulfilled" ? [one.value] : []));
  const stop = async (): Promise<void> => {
    await Promise.all(members.map((member) => member.stop()));
  };
  const failed = started.find((one) => one.status === "rejected");
  if (failed !== undefined) {
    await stop();
    throw failed.reason;
  }
  const leads = async (member: ZookeeperProcess): Promise<boolean> =>
    (await member.mode().catch(() => undefined)) === "leader";
  return {
    members,
    connectString: members.map(({ connectString }) => connectString).join(","),
    leader: () =>
      until(
        async () => {
          for (const member of members) if (await leads(member)) return member;
          return undefined;
        },
        { what: "a leader" },
      ),
    stop,
    [Symbol.asyncDispose]: stop,
  };
}

import { etcdProgram } from "./etcd-program.ts";
import { etcdctlAt, startEtcd } from "./etcd.ts";
import { consulApi } from "./consul-api.ts";
import { consulProgram } from "./consul-program.ts";
import { startConsul } from "./consul.ts";
import { eurekaProgram, eurekaVersion, startEureka } from "./eureka.ts";
import { statusOf } from "./http-status.ts";
import { probeZookeeper, startZookeeper, zookeeperProgram, zookeeperVersion } from "./zookeeper.ts";
import { nacosProgram, nacosVersion, probeNacos, startNacos } from "./nacos.ts";

/** One server of a kind, shared by all test files of a run. */
export interface SharedServer {
  readonly url: string;
  readonly version: string;
  stop(): Promise<void>;
}

/** One kind of registry server: how it is had. Its file holds the rest; this is what the setup needs. */
export interface RegistryKind {
  /** As in `ROLLCALL_REQUIRE`. */
  readonly name: string;
  /** The environment variable that names a server that already runs. */
  readonly envName: string;
  /** Whether the server at a URL of the environment answers, and its version where it tells. */
  probe(url: string): Promise<string>;
  /** Makes sure the server can be started here; its version. */
  prepare(): Promise<string>;
  /** Starts one with the defaults. */
  start(): Promise<SharedServer>;
}

/** All kinds the testbed knows. */
export const registryKinds: readonly RegistryKind[] = [
  {
    name: "eureka",
    envName: "ROLLCALL_EUREKA_URL",
    probe: async (url) => {
      const { username, password } = new URL(url);
      const auth = {
        username: decodeURIComponent(username),
        password: decodeURIComponent(password),
      };
      const status = await statusOf(new URL("apps", url).href, username === "" ? {} : { auth });
      if (status !== 200) throw new Error(`GET apps answers ${status}`);
      return "unknown (Eureka does not tell its version)";
    },
    prepare: async () => eurekaVersion(await eurekaProgram()),
    start: () => startEureka(),
  },
  {
    name: "etcd",
    envName: "ROLLCALL_ETCD_URL",
    probe: async (url) => {
      const said = await etcdctlAt(url, "endpoint", "status", "-w", "json");
      return /"version":"([^"]+)"/.exec(said)?.[1] ?? "unknown";
    },
    prepare: async () => (await etcdProgram()).version,
    start: () => startEtcd(),
  },
  {
    name: "consul",
    envName: "ROLLCALL_CONSUL_URL",
    probe: async (url) => {
      const { status, body } = await consulApi(
        { url: new URL(url).origin },
        "GET",
        "/v1/agent/self",
      );
      if (status !== 200) throw new Error(`GET /v1/agent/self answers ${status}`);
      const { Version: version } = (body as { Config?: { Version?: string } }).Config ?? {};
      return version ?? "unknown";
    },
    prepare: async () => (await consulProgram()).version,
    start: () => startConsul(),
  },
  {
    name: "zookeeper",
    envName: "ROLLCALL_ZOOKEEPER_URL",
    probe: probeZookeeper,
    prepare: async () => zookeeperVersion(await zookeeperProgram()),
    start: async () => {
      const server = await startZookeeper();
      return { url: server.connectString, version: server.version, stop: () => server.stop() };
    },
  },
  {
    name: "nacos",
    envName: "ROLLCALL_NACOS_URL",
    probe: (url) => probeNacos(url),
    prepare: async () => {
      const [v3, v2] = await Promise.all([nacosProgram("3.1"), nacosProgram("2.5")]);
      return `${nacosVersion("3.1", v3)}, ${nacosVersion("2.5", v2)}`;
    },
    start: () => startNacos(),
  },
];

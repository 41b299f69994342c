import { consulApi } from "./consul-api.ts";
import { consulProgram } from "./consul-program.ts";
import { startConsul } from "./consul.ts";
import { etcdProgram } from "./etcd-program.ts";
import { startEtcd } from "./etcd.ts";
import { eurekaServer } from "./eureka-program.ts";
import { startEureka } from "./eureka.ts";
import { statusOf } from "./http-status.ts";
import type { Lane } from "./lane.ts";
import { nacosServer } from "./nacos-program.ts";
import { probeNacos, startNacos } from "./nacos.ts";
import { zookeeperServer } from "./zookeeper-program.ts";
import { probeZookeeper, startZookeeper } from "./zookeeper.ts";

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
  /** Makes sure the server can be started in a lane; its version. */
  prepare(lane: Lane): Promise<string>;
  /** Starts one with the defaults. */
  start(lane: Lane): Promise<SharedServer>;
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
    prepare: async (lane) => (await eurekaServer(lane)).version,
    start: (lane) => startEureka({ lane }),
  },
  {
    name: "etcd",
    envName: "ROLLCALL_ETCD_URL",
    // Answered without a login, and by every member.
    probe: async (url) => {
      const said = await fetch(new URL("/version", new URL(url).origin), {
        signal: AbortSignal.timeout(5000),
      });
      const { etcdserver: version } = (await said.json()) as { readonly etcdserver?: string };
      if (version === undefined) throw new Error("GET /version does not answer as etcd does");
      return version;
    },
    prepare: async (lane) => (await etcdProgram(lane)).version,
    start: (lane) => startEtcd({ lane }),
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
    prepare: async (lane) => (await consulProgram(lane)).version,
    start: (lane) => startConsul({ lane }),
  },
  {
    name: "zookeeper",
    envName: "ROLLCALL_ZOOKEEPER_URL",
    probe: probeZookeeper,
    prepare: async (lane) => (await zookeeperServer(lane)).version,
    start: async (lane) => {
      const server = await startZookeeper({ lane });
      return { url: server.connectString, version: server.version, stop: () => server.stop() };
    },
  },
  {
    name: "nacos",
    envName: "ROLLCALL_NACOS_URL",
    probe: (url) => probeNacos(url),
    prepare: async (lane) => {
      const [v3, v2] = await Promise.all([nacosServer("3.1", lane), nacosServer("2.5", lane)]);
      return `${v3.version}, ${v2.version}`;
    },
    start: (lane) => startNacos({ lane }),
  },
];

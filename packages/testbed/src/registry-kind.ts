import { eurekaProgram, eurekaVersion, startEureka } from "./eureka.ts";
import { statusOf } from "./http-status.ts";
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

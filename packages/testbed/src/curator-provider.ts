import { jvmFlags } from "./eureka-program.ts";
import { freePort } from "./free-port.ts";
import { statusOf } from "./http-status.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { zookeeperProgram } from "./zookeeper-program.ts";

/** A Java service that registers itself with Curator's service discovery, as Spring Cloud Zookeeper and Dubbo do. */
export interface CuratorProviderOptions {
  readonly connectString: string;
  /** Curator's base path, such as `/services`. */
  readonly base: string;
  readonly service: string;
  readonly id: string;
  /** Whose class the payload is of. Default `spring`. */
  readonly payload?: "spring" | "dubbo" | undefined;
  /** What Spring calls `instance_status`. Default `UP`. */
  readonly status?: "UP" | "OUT_OF_SERVICE" | undefined;
}

const payloadClasses = {
  spring: "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance",
  dubbo: "org.apache.dubbo.registry.zookeeper.ZookeeperInstance",
} as const;

/** A running Java service. SIGTERM makes it deregister. */
export interface CuratorProvider extends ServerProcess {
  /** `http://127.0.0.1:PORT`; serves `/instances/NAME`, what Curator reads of a service. */
  readonly url: string;
  readonly port: number;
}

/**
 * Starts the service and waits until it is registered and serves.
 *
 * @throws Error as `startZookeeper` does.
 */
export async function startCuratorProvider(
  options: CuratorProviderOptions,
): Promise<CuratorProvider> {
  const { connectString, base, service, id, status = "UP", payload = "spring" } = options;
  const program = await zookeeperProgram();
  const port = await freePort();
  const url = `http://127.0.0.1:${port}`;
  const server = await startServerProcess({
    what: `the Curator provider ${service} on port ${port}`,
    command: program.java,
    args: [
      ...jvmFlags,
      "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
      "-cp",
      program.classPath((jar) => !jar.startsWith("ecj-")),
      "CuratorProvider",
      connectString,
      base,
      service,
      id,
      String(port),
      status,
      payloadClasses[payload],
    ],
    isReady: async () => (await statusOf(`${url}/instances/none`)) === 200,
  });
  return { ...server, url, port };
}

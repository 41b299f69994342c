import { fileURLToPath } from "node:url";
import { jvmFlags } from "./eureka-program.ts";
import { freePort } from "./free-port.ts";
import { statusOf } from "./http-status.ts";
import { javaProgram } from "./java.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { springEnvironment } from "./spring-environment.ts";

// The same from src/ and from dist/.
const sources = fileURLToPath(new URL("../java/zookeeper-spring", import.meta.url));

/** A Spring Boot service that registers itself with Spring Cloud Zookeeper, as users have them. */
export interface SpringZookeeperProviderOptions {
  readonly connectString: string;
  /** `spring.application.name`; the service's name in ZooKeeper, below `/services`. */
  readonly appName: string;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** More Spring properties, or other values for those set here. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/** A running Spring Boot service. SIGTERM makes it deregister. */
export interface SpringZookeeperProvider extends ServerProcess {
  /** `http://127.0.0.1:PORT`; serves `/port` and `/instances/NAME`, what its own discovery client sees of a service. */
  readonly url: string;
  readonly port: number;
}

/**
 * Starts the service and waits until it serves; it is registered then.
 *
 * @throws Error as `startZookeeper` does.
 */
export async function startSpringZookeeperProvider(
  options: SpringZookeeperProviderOptions,
): Promise<SpringZookeeperProvider> {
  const program = await javaProgram("zookeeper-spring", sources);
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const settings = {
    "server.address": "127.0.0.1",
    "server.port": String(port),
    "spring.application.name": options.appName,
    "spring.main.banner-mode": "off",
    "spring.cloud.zookeeper.connect-string": options.connectString,
    "spring.cloud.zookeeper.discovery.instance-host": "127.0.0.1",
    ...options.settings,
  };
  const server = await startServerProcess({
    what: `the Spring provider ${options.appName} on port ${port}`,
    command: program.java,
    args: [
      ...jvmFlags,
      "-cp",
      program.classPath((jar) => !jar.startsWith("ecj-")),
      "SpringZookeeperProvider",
    ],
    env: { ...process.env, ...springEnvironment(settings) },
    isReady: async () => (await statusOf(`${url}/port`)) === 200,
  });
  return { ...server, url, port };
}

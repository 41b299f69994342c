import { eurekaProgram, jvmFlags, serverClassPath } from "./eureka-program.ts";
import { freePort } from "./free-port.ts";
import { statusOf } from "./http-status.ts";
import { type ServerProcess, startServerProcess } from "./server-process.ts";
import { springEnvironment } from "./spring-environment.ts";

/** A Spring Boot service that registers itself, as users have them. */
export interface SpringProviderOptions {
  /** Service URL of the Eureka server, with user info where it asks for one. */
  readonly eurekaUrl: string;
  /** `spring.application.name`; Eureka shows it in upper case. */
  readonly appName: string;
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** More Spring properties, or other values for those set here. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
}

/** A running Spring Boot service. SIGTERM makes it re-register as DOWN and deregister some seconds later. */
export interface SpringProvider extends ServerProcess {
  /** `http://127.0.0.1:PORT`; serves `/port` and `/instances/NAME`, what its own discovery client sees of a service. */
  readonly url: string;
  readonly port: number;
}

/**
 * Starts the service and waits until it serves; its registration follows on its own. It heartbeats and fetches the
 * registry every second.
 *
 * @throws Error as {@link startEureka} does.
 */
export async function startSpringProvider(options: SpringProviderOptions): Promise<SpringProvider> {
  const program = await eurekaProgram();
  const port = options.port ?? (await freePort());
  const url = `http://127.0.0.1:${port}`;
  const settings = {
    "server.address": "127.0.0.1",
    "server.port": String(port),
    "spring.application.name": options.appName,
    "spring.main.banner-mode": "off",
    "eureka.instance.hostname": "127.0.0.1",
    "eureka.instance.ip-address": "127.0.0.1",
    "eureka.instance.prefer-ip-address": "true",
    "eureka.instance.lease-renewal-interval-in-seconds": "1",
    "eureka.instance.lease-expiration-duration-in-seconds": "3",
    "eureka.client.registry-fetch-interval-seconds": "1",
    "eureka.client.initial-instance-info-replication-interval-seconds": "0",
    "eureka.client.service-url.defaultZone": options.eurekaUrl,
    // Jersey is on the class path for the server; a service of its own has Spring's client.
    "eureka.client.jersey.enabled": "false",
    "spring.cloud.loadbalancer.cache.enabled": "false",
    ...options.settings,
  };
  const server = await startServerProcess({
    what: `the Spring provider ${options.appName} on port ${port}`,
    command: program.java,
    args: [...jvmFlags, "-cp", serverClassPath(program), "SpringProvider"],
    env: { ...process.env, ...springEnvironment(settings) },
    isReady: async () => (await statusOf(`${url}/port`)) === 200,
  });
  return { ...server, url, port };
}

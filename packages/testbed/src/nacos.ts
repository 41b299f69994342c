import { join } from "node:path";
import type { CertificateAuthority } from "./certificates.ts";
import { freePort } from "./free-port.ts";
import { statusOf } from "./http-status.ts";
import type { Lane } from "./lane.ts";
import { createNacosHome, type NacosHome, tokenSecret } from "./nacos-home.ts";
import { nacosServer } from "./nacos-program.ts";
import { initialiseNacosUser } from "./nacos-user.ts";
import type { NacosVersion } from "./nacos-version.ts";
import type { ServerProcess } from "./server-process.ts";
import { startServer } from "./start-server.ts";

/** How a real Nacos server is started. Without options: 3.1, open to everybody, changes pushed at once. */
export interface NacosOptions {
  /** Default `"3.1"`. */
  readonly version?: NacosVersion | undefined;
  /** Default: one of four free ones: this, the next thousand for gRPC, and two more. */
  readonly port?: number | undefined;
  /** Asks for a token; the only user is `nacos`. */
  readonly auth?: NacosAuth | undefined;
  /** gRPC with TLS on its port, with a certificate for 127.0.0.1 and localhost of this authority; HTTPS beside it. */
  readonly tls?: { readonly authority: CertificateAuthority } | undefined;
  /** More settings, or other values for those set here: `"nacos.core.param.check.enabled": "false"`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** More `-D` properties of the JVM: `"nacos.naming.push.pushTaskDelay": "500"`. */
  readonly properties?: Readonly<Record<string, string>> | undefined;
  /** Default: where the run's setup found Nacos. */
  readonly lane?: Lane | undefined;
}

/** The login of {@link NacosOptions}. */
export interface NacosAuth {
  readonly password: string;
  /** Seconds a token is good for. Default 18 000. */
  readonly tokenSeconds?: number | undefined;
}

/** A real Nacos server of our own, standalone. */
export interface NacosProcess extends AsyncDisposable {
  /** `http://127.0.0.1:PORT`; never with user info. */
  readonly url: string;
  readonly port: number;
  /** Always `port + 1000`. */
  readonly grpcPort: number;
  /** Of the server's jars, and who built them: the Nacos project itself publishes none. */
  readonly version: string;
  /** The end of what the server printed. */
  logTail(): string;
  /** Ends it in good order and forgets everything. Idempotent. */
  stop(): Promise<void>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Freezes it: connections stay open and nothing is answered. */
  pause(): Promise<void>;
  /** Ends {@link NacosProcess.pause}. */
  resume(): void;
  /**
   * Stops it if it runs, and starts it on the same ports. Ephemeral instances are gone; what Nacos keeps on disk is not:
   * persistent instances, users.
   */
  restart(): Promise<void>;
}

/**
 * Starts a real Nacos server on 127.0.0.1, fetching and compiling it on first use, and waits until it serves. Its gRPC
 * port listens on all interfaces, whatever it is told.
 *
 * @throws Error saying what is missing (Java, Maven, a dependency), or with the end of the server's log.
 */
export async function startNacos(options: NacosOptions = {}): Promise<NacosProcess> {
  const { version = "3.1", auth } = options;
  const program = await nacosServer(version, options.lane);
  const port = options.port ?? (await freePort([1000, 1001, -1000]));
  const home = await homeOf(options, version, port);
  const url = `${options.tls === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const startOnce = (): Promise<ServerProcess> =>
    startServer({
      what: `Nacos ${version} on port ${port}`,
      image: program.image,
      container: { kind: "nacos", folders: [home.folder] },
      ...program.command(home, options.properties ?? {}),
      isReady: async () => {
        const ca = options.tls?.authority.caPem;
        return (await statusOf(url + readyPath[version], { ca })) === 200;
      },
    });
  const start = (): Promise<ServerProcess> =>
    startOnce().catch((error: unknown) => {
      // Its database gives up after ten seconds, which a busy machine may need to create it.
      if (!String(error).includes("Login timeout exceeded")) throw error;
      return startOnce();
    });
  let server: ServerProcess | undefined;
  const stop = async (): Promise<void> => {
    await server?.stop();
    await home.remove();
  };
  try {
    server = await start();
    if (auth !== undefined) {
      await initialiseNacosUser(url, version, auth.password);
    }
  } catch (error) {
    await stop();
    throw error;
  }
  const running = (): ServerProcess => server as ServerProcess;
  return {
    url,
    port,
    grpcPort: port + 1000,
    version: program.version,
    logTail: () => running().logTail(),
    stop,
    kill: () => running().kill(),
    pause: () => running().pause(),
    resume: () => running().resume(),
    restart: async () => {
      await running().stop();
      server = await start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * The version of a server that runs already.
 *
 * @throws Error when it does not answer, or not as a Nacos server that is ready
 */
export async function probeNacos(url: string): Promise<string> {
  const origin = new URL(url).origin;
  for (const version of ["3.1", "2.5"] as const) {
    if ((await statusOf(origin + readyPath[version])) === 200) {
      return version === "3.1" ? "3 (it does not tell which)" : "2 (it does not tell which)";
    }
  }
  throw new Error("neither version of the API says that it is ready");
}

/** Answers 200 when the server serves, with or without a token. */
const readyPath: Readonly<Record<NacosVersion, string>> = {
  "3.1": "/nacos/v3/admin/core/state/readiness",
  "2.5": "/nacos/v1/ns/operator/metrics",
};

async function homeOf(
  { auth, tls, settings }: NacosOptions,
  version: NacosVersion,
  port: number,
): Promise<NacosHome> {
  const isOn = String(auth !== undefined);
  const issued = tls?.authority.issue("nacos", ["127.0.0.1", "localhost"]);
  const all: Record<string, string> = {
    [version === "3.1" ? "nacos.server.main.port" : "server.port"]: String(port),
    "server.address": "127.0.0.1",
    "nacos.server.ip": "127.0.0.1",
    "nacos.inetutils.ip-address": "127.0.0.1",
    "server.tomcat.accesslog.enabled": "false",
    "spring.main.banner-mode": "off",
    "nacos.core.auth.enabled": isOn,
    "nacos.core.auth.admin.enabled": isOn,
    "nacos.core.auth.system.type": "nacos",
    "nacos.core.auth.plugin.nacos.token.secret.key": tokenSecret(),
    "nacos.core.auth.server.identity.key": "rollcall",
    "nacos.core.auth.server.identity.value": tokenSecret(),
    ...(auth?.tokenSeconds !== undefined && {
      "nacos.core.auth.plugin.nacos.token.expire.seconds": String(auth.tokenSeconds),
    }),
    ...(version === "2.5" && {
      "server.servlet.contextPath": "/nacos",
      "server.error.include-message": "ALWAYS",
      "spring.autoconfigure.exclude":
        "org.springframework.boot.autoconfigure.jdbc.DataSourceAutoConfiguration",
      "management.metrics.export.elastic.enabled": "false",
      "management.metrics.export.influx.enabled": "false",
    }),
    ...settings,
  };
  if (issued === undefined) return createNacosHome(() => all);
  return createNacosHome((conf) => ({ ...tlsSettings(conf), ...all }), {
    "cert.pem": issued.certPem,
    "key.pem": issued.keyPem,
  });
}

function tlsSettings(conf: string): Record<string, string> {
  const [certificate, key] = [join(conf, "cert.pem"), join(conf, "key.pem")];
  const rpc = "nacos.remote.server.rpc.tls";
  return {
    "server.ssl.certificate": certificate,
    "server.ssl.certificate-private-key": key,
    [`${rpc}.enableTls`]: "true",
    // Otherwise plain connections are taken as well.
    [`${rpc}.compatibility`]: "false",
    [`${rpc}.certChainFile`]: `file:${certificate}`,
    [`${rpc}.certPrivateKey`]: `file:${key}`,
  };
}

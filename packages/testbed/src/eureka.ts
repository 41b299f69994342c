import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertificateAuthority } from "./certificates.ts";
import { eurekaServer } from "./eureka-program.ts";
import { freePort } from "./free-port.ts";
import { statusOf } from "./http-status.ts";
import type { Lane } from "./lane.ts";
import type { ServerProcess } from "./server-process.ts";
import { springEnvironment } from "./spring-environment.ts";
import { startServer } from "./start-server.ts";

/** How a real Eureka server is started. Without options: changes visible at once, leases checked every second. */
export interface EurekaOptions {
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** The server's read-only response cache, on in production: changes show after up to 30 s. Default `false`. */
  readonly readOnlyCache?: boolean | undefined;
  /** Asks for HTTP Basic on every path. */
  readonly auth?: { readonly username: string; readonly password: string } | undefined;
  /** Serves HTTPS with a certificate for 127.0.0.1 and localhost that this authority issued. */
  readonly tls?: EurekaTls | undefined;
  /** Service URLs of the other servers of a cluster. Default: none. */
  readonly peers?: readonly string[] | undefined;
  /** More Spring properties, or other values for those set here: `"eureka.server.disable-delta": "true"`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** Default: where the run's setup found Eureka. */
  readonly lane?: Lane | undefined;
}

/** The HTTPS side of {@link EurekaOptions}. */
export interface EurekaTls {
  readonly authority: CertificateAuthority;
  /** Whether a client certificate of the same authority is asked for. Default `"none"`. */
  readonly clientAuth?: "none" | "want" | "need" | undefined;
}

/** A real Eureka server of our own. */
export interface EurekaProcess extends AsyncDisposable {
  /** The service URL, `http://127.0.0.1:PORT/eureka/`; never with user info. */
  readonly url: string;
  readonly port: number;
  /** Of Netflix Eureka and of the Spring Cloud module around it. */
  readonly version: string;
  /** The end of what the server printed. */
  logTail(): string;
  /** Ends it in good order. Idempotent. */
  stop(): Promise<void>;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
  /** Freezes it: connections stay open and nothing is answered. */
  pause(): Promise<void>;
  /** Ends {@link EurekaProcess.pause}. */
  resume(): void;
  /** Stops it if it runs, and starts it on the same port with nothing in it. */
  restart(): Promise<void>;
}

/**
 * Starts a real Eureka server on 127.0.0.1, fetching and compiling it on first use, and waits until it serves.
 *
 * @throws Error saying what is missing (Java, Maven, a dependency), or with the end of the server's log.
 */
export async function startEureka(options: EurekaOptions = {}): Promise<EurekaProcess> {
  const program = await eurekaServer(options.lane);
  const port = options.port ?? (await freePort());
  const tls = await tlsFiles(options.tls);
  const scheme = options.tls === undefined ? "http" : "https";
  const url = `${scheme}://127.0.0.1:${port}/eureka/`;
  const settings = { ...settingsOf(options, port), ...tls.settings, ...options.settings };
  const env = springEnvironment(settings);
  const start = (): Promise<ServerProcess> =>
    startServer({
      what: `Eureka on port ${port}`,
      image: program.image,
      container: { kind: "eureka", folders: tls.folders, env },
      ...program.command(options.auth !== undefined),
      env: { ...process.env, ...env },
      isReady: async () => (await statusOf(`${url}apps`, { ...options, ...tls.client })) === 200,
    });
  let server: ServerProcess;
  try {
    server = await start();
  } catch (error) {
    await tls.remove();
    throw error;
  }
  const stop = async (): Promise<void> => {
    await server.stop();
    await tls.remove();
  };
  return {
    url,
    port,
    version: program.version,
    logTail: () => server.logTail(),
    stop,
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: async () => {
      await server.stop();
      await tls.write();
      server = await start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

function settingsOf(options: EurekaOptions, port: number): Record<string, string> {
  const { auth, peers = [], readOnlyCache = false } = options;
  return {
    "server.address": "127.0.0.1",
    "server.port": String(port),
    "spring.main.banner-mode": "off",
    // Peers tell each other apart by host name, so equal ones would not replicate; nothing resolves it.
    "eureka.instance.hostname": peers.length > 0 ? `eureka-${port}` : "127.0.0.1",
    "eureka.client.register-with-eureka": "false",
    "eureka.client.fetch-registry": "false",
    "eureka.server.enable-self-preservation": "false",
    "eureka.server.eviction-interval-timer-in-ms": "1000",
    "eureka.server.wait-time-in-ms-when-sync-empty": "0",
    "eureka.server.use-read-only-response-cache": String(readOnlyCache),
    ...(peers.length > 0 && { "eureka.client.service-url.defaultZone": peers.join(",") }),
    ...(auth !== undefined && {
      "spring.security.user.name": auth.username,
      "spring.security.user.password": auth.password,
    }),
  };
}

interface TlsFiles {
  readonly folders: readonly string[];
  readonly settings: Record<string, string>;
  readonly client: { readonly ca?: string; readonly cert?: string; readonly key?: string };
  write(): Promise<void>;
  remove(): Promise<void>;
}

async function tlsFiles(tls: EurekaTls | undefined): Promise<TlsFiles> {
  if (tls === undefined) {
    const nothing = (): Promise<void> => Promise.resolve();
    return { folders: [], settings: {}, client: {}, write: nothing, remove: nothing };
  }
  const folder = await mkdtemp(join(tmpdir(), "rollcall-tls-"));
  const server = tls.authority.issue("eureka", ["127.0.0.1", "localhost"]);
  const client = tls.authority.issue("testbed");
  const content = {
    "ca.pem": tls.authority.caPem,
    "cert.pem": server.certPem,
    "key.pem": server.keyPem,
  };
  const write = async (): Promise<void> => {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const [name, pem] of Object.entries(content)) {
      await writeFile(join(folder, name), pem, { mode: 0o600 });
    }
  };
  await write();
  return {
    folders: [folder],
    settings: {
      "server.ssl.certificate": join(folder, "cert.pem"),
      "server.ssl.certificate-private-key": join(folder, "key.pem"),
      "server.ssl.trust-certificate": join(folder, "ca.pem"),
      "server.ssl.client-auth": tls.clientAuth ?? "none",
    },
    client: { ca: tls.authority.caPem, cert: client.certPem, key: client.keyPem },
    write,
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

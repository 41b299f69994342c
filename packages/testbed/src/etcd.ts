import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertificateAuthority, IssuedCertificate } from "./certificates.ts";
import { etcdProgram } from "./etcd-program.ts";
import { freePort } from "./free-port.ts";
import { statusOf } from "./http-status.ts";
import type { Lane } from "./lane.ts";
import type { ServerProcess } from "./server-process.ts";
import { startServer } from "./start-server.ts";

/** How a real etcd is started. Without options: one member, its data in a folder of its own, no login, no TLS. */
export interface EtcdOptions {
  /** For clients. Default: a free one. */
  readonly port?: number | undefined;
  /** Switches the login on. The user `root` has this password, and all rights. */
  readonly rootPassword?: string | undefined;
  /** Serves TLS with a certificate for 127.0.0.1 and localhost that this authority issued. */
  readonly tls?: EtcdTls | undefined;
  /** More flags, or other values for those set here: `{ "auth-token-ttl": "3" }`. */
  readonly flags?: Readonly<Record<string, string>> | undefined;
  /** Default: where the run's setup found etcd. */
  readonly lane?: Lane | undefined;
}

/** The TLS side of {@link EtcdOptions}. */
export interface EtcdTls {
  readonly authority: CertificateAuthority;
  /** Whether clients must show a certificate of the same authority. Default `false`. */
  readonly clientAuth?: boolean | undefined;
}

/** A real etcd of our own. */
export interface EtcdProcess extends AsyncDisposable {
  /** For clients: `http://127.0.0.1:PORT`. */
  readonly url: string;
  readonly port: number;
  readonly version: string;
  /** The end of what the server printed. */
  logTail(): string;
  /** Ends it in good order and removes its data. Idempotent. */
  stop(): Promise<void>;
  /** Ends it as a crash does; its data stay. */
  kill(): Promise<void>;
  /** Freezes it: connections stay open and nothing is answered. */
  pause(): Promise<void>;
  /** Ends {@link EtcdProcess.pause}. */
  resume(): void;
  /** Stops it if it runs, and starts it on the same port: with its data, or with nothing in it. */
  restart(data?: "kept" | "empty"): Promise<void>;
  /** Runs etcdctl against it, as `root` where it has a login; what it printed. */
  etcdctl(...args: readonly string[]): Promise<string>;
}

/** What a member of a cluster needs to know of the others. */
export interface EtcdMembership {
  readonly name: string;
  readonly peerPort: number;
  /** `--initial-cluster`. */
  readonly cluster: string;
}

/**
 * Starts a real etcd on 127.0.0.1, fetching it on first use, and waits until it serves.
 *
 * @throws Error saying what is missing, or with the end of the server's log.
 */
export async function startEtcd(options: EtcdOptions = {}): Promise<EtcdProcess> {
  const peerPort = await freePort();
  const cluster = `one=http://127.0.0.1:${peerPort}`;
  return startEtcdMember(options, { name: "one", peerPort, cluster });
}

/** Starts one member; of several, it is ready only when most of the others are. */
export async function startEtcdMember(
  options: EtcdOptions,
  { name, peerPort, cluster }: EtcdMembership,
): Promise<EtcdProcess> {
  const program = await etcdProgram(options.lane);
  const port = options.port ?? (await freePort());
  const folder = await mkdtemp(join(tmpdir(), "rollcall-etcd-"));
  const files = options.tls && (await writeTlsFiles(folder, options.tls.authority));
  const url = `${files === undefined ? "http" : "https"}://127.0.0.1:${port}`;
  const peerUrl = `http://127.0.0.1:${peerPort}`;
  const flags: Record<string, string> = {
    name,
    "data-dir": join(folder, "data"),
    "listen-client-urls": url,
    "advertise-client-urls": url,
    "listen-peer-urls": peerUrl,
    "initial-advertise-peer-urls": peerUrl,
    "initial-cluster": cluster,
    "log-level": "warn",
    // Shortest leases of one second need a short election.
    "heartbeat-interval": "50",
    "election-timeout": "500",
    // Test data may be lost with the machine.
    "unsafe-no-fsync": "true",
    "bcrypt-cost": "4",
    ...(files && { "cert-file": files.cert, "key-file": files.key }),
    ...(files && options.tls?.clientAuth && { "trusted-ca-file": files.ca }),
    ...(files && options.tls?.clientAuth && { "client-cert-auth": "true" }),
    ...options.flags,
  };
  const start = (): Promise<ServerProcess> =>
    startServer({
      what: `etcd on port ${port}`,
      image: program.image,
      container: { kind: "etcd", folders: [folder] },
      command: program.etcd,
      args: Object.entries(flags).map(([flag, value]) => `--${flag}=${value}`),
      isReady: async () => (await statusOf(`${url}/health`, files?.client)) === 200,
    });
  let loggedIn = false;
  const etcdctl = (...args: readonly string[]): Promise<string> =>
    program.etcdctl(
      args,
      {
        ETCDCTL_ENDPOINTS: url,
        ...(loggedIn && { ETCDCTL_USER: "root", ETCDCTL_PASSWORD: options.rootPassword ?? "" }),
        ...(files && {
          ETCDCTL_CACERT: files.ca,
          ETCDCTL_CERT: files.cert,
          ETCDCTL_KEY: files.key,
        }),
      },
      [folder],
    );
  const switchLoginOn = async (): Promise<void> => {
    if (options.rootPassword === undefined) return;
    await etcdctl("user", "add", "root", `--new-user-password=${options.rootPassword}`);
    await etcdctl("user", "grant-role", "root", "root");
    await etcdctl("auth", "enable");
    loggedIn = true;
  };
  let server: ServerProcess | undefined;
  const stop = async (): Promise<void> => {
    await server?.stop();
    await rm(folder, { recursive: true, force: true });
  };
  try {
    server = await start();
    await switchLoginOn();
  } catch (error) {
    await stop();
    throw error;
  }
  return {
    url,
    port,
    version: program.version,
    logTail: () => server?.logTail() ?? "",
    stop,
    kill: async () => server?.kill(),
    pause: async () => server?.pause(),
    resume: () => server?.resume(),
    restart: async (data = "kept") => {
      await server?.stop();
      if (data === "empty") {
        await rm(join(folder, "data"), { recursive: true, force: true });
        loggedIn = false;
      }
      server = await start();
      if (data === "empty") await switchLoginOn();
    },
    etcdctl,
    [Symbol.asyncDispose]: stop,
  };
}

/**
 * Runs etcdctl against a server that already runs.
 *
 * @throws Error with what it printed when it fails.
 */
export async function etcdctlAt(url: string, ...args: readonly string[]): Promise<string> {
  const program = await etcdProgram();
  const { origin, username, password } = new URL(url);
  return program.etcdctl(args, {
    ETCDCTL_ENDPOINTS: origin,
    ...(username !== "" && {
      ETCDCTL_USER: decodeURIComponent(username),
      ETCDCTL_PASSWORD: decodeURIComponent(password),
    }),
  });
}

interface TlsFiles {
  readonly ca: string;
  readonly cert: string;
  readonly key: string;
  readonly client: { readonly ca: string; readonly cert: string; readonly key: string };
}

async function writeTlsFiles(folder: string, authority: CertificateAuthority): Promise<TlsFiles> {
  const server: IssuedCertificate = authority.issue("etcd", ["127.0.0.1", "localhost"]);
  const paths = {
    ca: join(folder, "ca.pem"),
    cert: join(folder, "cert.pem"),
    key: join(folder, "key.pem"),
  };
  await writeFile(paths.ca, authority.caPem, { mode: 0o600 });
  await writeFile(paths.cert, server.certPem, { mode: 0o600 });
  await writeFile(paths.key, server.keyPem, { mode: 0o600 });
  return {
    ...paths,
    client: { ca: authority.caPem, cert: server.certPem, key: server.keyPem },
  };
}

import { mkdir, mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { CertificateAuthority } from "./certificates.ts";

/** The secure port of a ZooKeeper server. */
export interface ZookeeperTls {
  /** Issues the server's certificate for 127.0.0.1 and localhost; clients' must be of it too. */
  readonly authority: CertificateAuthority;
  /** Whether a client certificate is asked for. Default `"none"`. */
  readonly clientAuth?: "none" | "want" | "need" | undefined;
}

/** What a server's files are made of. */
export interface ZookeeperConfig {
  readonly port: number;
  readonly securePort: number | undefined;
  readonly tls: ZookeeperTls | undefined;
  /** Passwords by user. */
  readonly sasl: Readonly<Record<string, string>> | undefined;
  readonly settings: Readonly<Record<string, string>>;
  /** Number of an ensemble's member. */
  readonly myId?: number | undefined;
}

/** A folder with `zoo.cfg` and what it names. */
export interface ZookeeperFiles {
  readonly folder: string;
  readonly config: string;
  /** Flags of the JVM that belong to the files. */
  readonly flags: readonly string[];
  /** Writes whatever is not there. */
  write(): Promise<void>;
  /** Forgets what the server stored. */
  wipe(): Promise<void>;
  remove(): Promise<void>;
}

/** Writes the files of one server into a folder of its own that only this user can read. */
export async function zookeeperFiles(given: ZookeeperConfig): Promise<ZookeeperFiles> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-zookeeper-"));
  const dataDir = join(folder, "data");
  const settings: Record<string, string> = {
    dataDir,
    // A short tick: it is the grain of session time-outs.
    tickTime: "200",
    minSessionTimeout: "400",
    maxSessionTimeout: "60000",
    maxClientCnxns: "0",
    "admin.enableServer": "false",
    "4lw.commands.whitelist": "srvr",
  };
  // Members of an ensemble say their client port beside their name.
  if (given.myId === undefined) {
    settings["clientPort"] = String(given.port);
    settings["clientPortAddress"] = "127.0.0.1";
  }
  const flags: string[] = [];
  const contents: Record<string, string> = {};
  if (given.sasl !== undefined) {
    contents["server.jaas"] = saslUsers(given.sasl);
    flags.push(`-Djava.security.auth.login.config=${join(folder, "server.jaas")}`);
    settings["authProvider.1"] = "org.apache.zookeeper.server.auth.SASLAuthenticationProvider";
    settings["enforce.auth.enabled"] = "true";
    settings["enforce.auth.schemes"] = "sasl";
  }
  if (given.tls !== undefined && given.securePort !== undefined) {
    const { authority, clientAuth = "none" } = given.tls;
    const { certPem, keyPem } = authority.issue("zookeeper", ["127.0.0.1", "localhost"]);
    contents["server.pem"] = keyPem + certPem;
    contents["ca.pem"] = authority.caPem;
    settings["secureClientPort"] = String(given.securePort);
    settings["secureClientPortAddress"] = "127.0.0.1";
    settings["serverCnxnFactory"] = "org.apache.zookeeper.server.NettyServerCnxnFactory";
    settings["ssl.keyStore.location"] = join(folder, "server.pem");
    settings["ssl.trustStore.location"] = join(folder, "ca.pem");
    settings["ssl.clientAuth"] = clientAuth;
    settings["authProvider.x509"] = "org.apache.zookeeper.server.auth.X509AuthenticationProvider";
  }
  const lines = Object.entries({ ...settings, ...given.settings }).map(([k, v]) => `${k}=${v}\n`);
  contents["zoo.cfg"] = lines.join("");
  const write = async (): Promise<void> => {
    await mkdir(dataDir, { recursive: true });
    if (given.myId !== undefined) await writeFile(join(dataDir, "myid"), String(given.myId));
    for (const [name, content] of Object.entries(contents)) {
      await writeFile(join(folder, name), content, { mode: 0o600 });
    }
  };
  await write();
  return {
    folder,
    config: join(folder, "zoo.cfg"),
    flags,
    write,
    wipe: () => rm(dataDir, { recursive: true, force: true }),
    remove: () => rm(folder, { recursive: true, force: true }),
  };
}

function saslUsers(users: Readonly<Record<string, string>>): string {
  const quoted = (value: string): string => `"${value.replaceAll(/["\\]/g, "\\$&")}"`;
  const lines = Object.entries(users).map(([user, pass]) => `  user_${user}=${quoted(pass)}`);
  const module = "org.apache.zookeeper.server.auth.DigestLoginModule";
  return `Server {\n  ${module} required\n${lines.join("\n")};\n};\n`;
}

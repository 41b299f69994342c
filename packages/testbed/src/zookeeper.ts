import { fourLetterWord } from "./four-letter-word.ts";
import { freePort } from "./free-port.ts";
import type { Lane } from "./lane.ts";
import type { ServerProcess } from "./server-process.ts";
import { startServer } from "./start-server.ts";
import { type ZookeeperConfig, zookeeperFiles, type ZookeeperTls } from "./zookeeper-config.ts";
import { oldZookeeperServer, type ZookeeperProgram, zookeeperServer } from "./zookeeper-program.ts";

/** How a real ZooKeeper server is started. Without options: open, sessions of 400 ms to 60 s. */
export interface ZookeeperOptions {
  /** Default: a free one. */
  readonly port?: number | undefined;
  /** Opens `secureClientPort` as well. */
  readonly tls?: ZookeeperTls | undefined;
  /** Asks every client for SASL DIGEST-MD5: passwords by user, whose name is one word. */
  readonly sasl?: Readonly<Record<string, string>> | undefined;
  /** More lines of `zoo.cfg`, or other values for those set here: `{ "maxClientCnxns": "1" }`. */
  readonly settings?: Readonly<Record<string, string>> | undefined;
  /** More flags of the JVM: `-Dzookeeper.…`. */
  readonly flags?: readonly string[] | undefined;
  /** `3.5`: a server that knows no recursive watches. Default: the newest there is. */
  readonly release?: "3.5" | undefined;
  /** Default: where the run's setup found ZooKeeper. The old release runs natively in every lane. */
  readonly lane?: Lane | undefined;
}

/** A real ZooKeeper server of our own. */
export interface ZookeeperProcess extends AsyncDisposable {
  /** `127.0.0.1:PORT`. */
  readonly connectString: string;
  readonly port: number;
  /** The port that speaks TLS, when it was asked for. */
  readonly securePort: number | undefined;
  readonly version: string;
  /** The end of what the server printed. */
  logTail(): string;
  /** `leader`, `follower`, `standalone`… `undefined` while it does not serve. */
  mode(): Promise<string | undefined>;
  /** Ends it in good order and removes its data. Idempotent. */
  stop(): Promise<void>;
  /** Ends it as a crash does; what it stored stays for {@link ZookeeperProcess.restart}. */
  kill(): Promise<void>;
  /** Freezes it: connections stay open and nothing is answered. */
  pause(): Promise<void>;
  /** Ends {@link ZookeeperProcess.pause}. */
  resume(): void;
  /** Ends it if it runs, and starts it on the same port with what it stored, or `empty`. */
  restart(data: "kept" | "empty"): Promise<void>;
}

/**
 * Starts a real ZooKeeper server on 127.0.0.1, fetching it on first use, and waits until it serves.
 *
 * @throws Error saying what is missing (Java, Maven, a dependency), or with the end of the server's log.
 */
export async function startZookeeper(options: ZookeeperOptions = {}): Promise<ZookeeperProcess> {
  const port = options.port ?? (await freePort());
  const program =
    options.release === "3.5" ? await oldZookeeperServer() : await zookeeperServer(options.lane);
  return startMember(
    program,
    {
      port,
      securePort: options.tls === undefined ? undefined : await freePort(),
      tls: options.tls,
      sasl: options.sasl,
      settings: options.settings ?? {},
    },
    options.flags,
  );
}

/** Starts one server, alone or as a member of an ensemble whose others are started beside it. */
export async function startMember(
  program: ZookeeperProgram,
  config: ZookeeperConfig,
  flags: readonly string[] = [],
): Promise<ZookeeperProcess> {
  const files = await zookeeperFiles(config);
  const { port } = config;
  const mode = (): Promise<string | undefined> => modeOf("127.0.0.1", port);
  const { command, args, env } = program.command(files.config, [...files.flags, ...flags]);
  const start = (): Promise<ServerProcess> =>
    startServer({
      what: `ZooKeeper on port ${port}`,
      image: program.image,
      container: { kind: "zookeeper", folders: [files.folder], env },
      command,
      args,
      isReady: async () => (await mode()) !== undefined,
    });
  let server: ServerProcess;
  try {
    server = await start();
  } catch (error) {
    await files.remove();
    throw error;
  }
  const stop = async (): Promise<void> => {
    await server.stop();
    await files.remove();
  };
  return {
    connectString: `127.0.0.1:${port}`,
    port,
    securePort: config.securePort,
    version: program.version,
    logTail: () => server.logTail(),
    mode,
    stop,
    kill: () => server.kill(),
    pause: () => server.pause(),
    resume: () => server.resume(),
    restart: async (data) => {
      await server.kill();
      if (data === "empty") await files.wipe();
      await files.write();
      server = await start();
    },
    [Symbol.asyncDispose]: stop,
  };
}

/** The version that a running server tells, asked at the first of its hosts that answers. */
export async function probeZookeeper(connectString: string): Promise<string> {
  let failure: unknown;
  for (const one of connectString.replace(/\/.*$/, "").split(",")) {
    const [, host = "", port = "2181"] = /^\[?(.*?)\]?(?::(\d+))?$/.exec(one.trim()) ?? [];
    try {
      const said = await fourLetterWord({ host, port: Number(port) }, "srvr", 5000);
      return /version: ([\w.]+)/.exec(said)?.[1] ?? "unknown (the server does not tell it)";
    } catch (error) {
      failure = error;
    }
  }
  throw failure;
}

async function modeOf(host: string, port: number): Promise<string | undefined> {
  return /^Mode: (.*)$/m.exec(await fourLetterWord({ host, port }, "srvr", 300))?.[1];
}

import { type ChildProcess, spawn } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import { type JavaProgram, javaProgram } from "./java.ts";

const answerDeadlineMs = 60_000;

/** The official Java client, as a process of its own. */
export interface NacosClient extends AsyncDisposable {
  readonly version: string;
  /**
   * Has it do something: `register SERVICE GROUP IP PORT WEIGHT CLUSTER KEY=VALUE…`, `batch SERVICE GROUP IP PORT…`,
   * `deregister SERVICE GROUP IP PORT CLUSTER`, `subscribe SERVICE GROUP`, `list SERVICE GROUP`,
   * `select SERVICE GROUP`, `sign ACCESSKEY SECRETKEY SERVICE GROUP`, one word each.
   *
   * @throws Error with what the client says
   */
  run(...words: readonly string[]): Promise<string>;
  /** The newest that subscriptions of a service heard: `IP:PORT WEIGHT HEALTHY`, with commas between. */
  heard(service: string): string | undefined;
  /**
   * Follows a service by one key of the metadata.
   *
   * @param onNews  Called with what has changed: `IP:PORT` and its value, `undefined` when the instance is gone.
   */
  follow(
    service: string,
    group: string,
    key: string,
    onNews: (changed: readonly (readonly [string, string | undefined])[]) => void,
  ): Promise<void>;
  /** Of the Java process. */
  readonly pid: number | undefined;
  /** Ends it as a crash does. */
  kill(): Promise<void>;
}

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Starts the client, fetching and compiling it on first use.
 *
 * @param properties its own: `serverAddr`, `username`, `password`, `namespace`…; without `serverAddr` it only signs
 * @throws Error saying what is missing, or with what it printed
 */
export async function startNacosClient(
  properties: Readonly<Record<string, string>>,
): Promise<NacosClient> {
  const program = await clientProgram();
  const child = spawn(
    program.java,
    [
      "-Xmx128m",
      "-XX:+UseSerialGC",
      "-XX:TieredStopAtLevel=1",
      // Where the locale is C, it would sign and print letters as question marks.
      "-Dfile.encoding=UTF-8",
      "-Dsun.stdout.encoding=UTF-8",
      "-Dstdout.encoding=UTF-8",
      "-cp",
      classPath(program),
      "NacosClient",
    ],
    { stdio: ["pipe", "pipe", "pipe"] },
  );
  running.add(child);
  const ended = once(child, "close").then(() => running.delete(child));
  let errors = "";
  child.stderr.setEncoding("utf8").on("data", (text: string) => {
    errors = (errors + text).slice(-4_000);
  });
  child.stdin.on("error", () => {});
  const news = new Map<string, string>();
  const followers = new Map<string, (news: string) => void>();
  const waiting: PromiseWithResolvers<string>[] = [];
  createInterface({ input: child.stdout }).on("line", (line) => {
    const [kind = "", ...words] = line.split("\t");
    if (kind === "event") news.set(words[0] ?? "", words[1] ?? "");
    else if (kind === "news") followers.get(words[0] ?? "")?.(words[1] ?? "");
    else if (kind === "error") waiting.shift()?.reject(new Error(words.join(" ")));
    else if (kind === "ok" || kind === "ready") waiting.shift()?.resolve(words.join(" "));
  });
  void ended.then(() => {
    for (const one of waiting) one.reject(new Error(`the Java client has ended: ${errors}`));
    return undefined;
  });
  const say = async (line: string): Promise<string> => {
    const answer = Promise.withResolvers<string>();
    waiting.push(answer);
    child.stdin.write(`${line}\n`);
    const late = setTimeout(
      () => answer.reject(new Error(`the Java client does not answer: ${errors}`)),
      answerDeadlineMs,
    );
    return answer.promise.finally(() => clearTimeout(late));
  };
  const kill = async (): Promise<void> => {
    child.kill("SIGKILL");
    await ended;
  };
  try {
    await say(
      Object.entries({ namingLoadCacheAtStart: "false", ...properties })
        .map(([key, value]) => `${key}=${value}`)
        .join("\t"),
    );
  } catch (error) {
    await kill();
    throw error;
  }
  return {
    version: versionOf(program),
    pid: child.pid,
    run: (...words) => say(words.join("\t")),
    heard: (service) => news.get(service),
    async follow(service, group, key, onNews) {
      followers.set(service, (changes) => {
        onNews(
          changes.split(",").flatMap((change): (readonly [string, string | undefined])[] => {
            if (change === "") return [];
            const [address = "", value] = change.split("=");
            return [[address, value]];
          }),
        );
      });
      await say(["follow", service, group, key].join("\t"));
    },
    kill,
    [Symbol.asyncDispose]: kill,
  };
}

/**
 * The version of the client, which is fetched and compiled on first use.
 *
 * @throws Error saying what is missing
 */
export async function nacosClientVersion(): Promise<string> {
  return versionOf(await clientProgram());
}

function versionOf({ jars }: JavaProgram): string {
  return jars.map((jar) => /^nacos-client-(\d.*)\.jar$/.exec(jar)?.[1]).find(Boolean) ?? "?";
}

function clientProgram(): Promise<JavaProgram> {
  // The same from src/ and from dist/.
  const sources = fileURLToPath(new URL("../java/nacos-client", import.meta.url));
  return javaProgram("nacos-client", sources);
}

function classPath(program: JavaProgram): string {
  return program.classPath((jar) => !jar.startsWith("ecj-"));
}

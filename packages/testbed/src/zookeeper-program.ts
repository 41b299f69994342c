import { fileURLToPath } from "node:url";
import { jvmFlags } from "./eureka-program.ts";
import { type JavaProgram, javaProgram } from "./java.ts";
import { type ImageInEngine, imageInEngine, type Lane, laneOf } from "./lane.ts";

// The same from src/ and from dist/.
const sources = fileURLToPath(new URL("../java/zookeeper", import.meta.url));
const oldSources = fileURLToPath(new URL("../java/zookeeper-3.5", import.meta.url));

/** A ZooKeeper server that can be run. */
export interface ZookeeperProgram {
  /** `3.9.5`. */
  readonly version: string;
  readonly image: ImageInEngine | undefined;
  /**
   * How a server is run.
   *
   * @param config path of its `zoo.cfg`
   * @param flags of the JVM, without spaces
   */
  command(
    config: string,
    flags: readonly string[],
  ): {
    readonly command: string;
    readonly args: readonly string[];
    readonly env: Readonly<Record<string, string>>;
  };
}

/**
 * The server: its image, or jars from Maven Central. Fetched on first use.
 *
 * @throws Error saying what is missing
 */
export async function zookeeperServer(lane: Lane = laneOf("zookeeper")): Promise<ZookeeperProgram> {
  return lane === "docker" ? fromImage() : fromJars(await zookeeperProgram());
}

/** The last release without recursive watches, run by the same class of ours; native in every lane. */
export async function oldZookeeperServer(): Promise<ZookeeperProgram> {
  const [launcher, program] = await Promise.all([
    zookeeperProgram(),
    javaProgram("zookeeper-3.5", oldSources),
  ]);
  return fromJars({
    ...program,
    classPath: (filter) => `${program.classPath(filter)}:${launcher.classPath(() => false)}`,
  });
}

/** The server's and Curator's jars and our classes, fetched and compiled on first use. */
export function zookeeperProgram(): Promise<JavaProgram> {
  return javaProgram("zookeeper", sources);
}

async function fromImage(): Promise<ZookeeperProgram> {
  const image = await imageInEngine("zookeeper");
  return {
    version: image.version,
    image,
    command: (config, flags) => ({
      command: "zkServer.sh",
      args: ["start-foreground", config],
      env: {
        // The largest heap comes from a variable of its own, before these.
        JVMFLAGS: [...jvmFlags, "-Dzookeeper.forceSync=no", ...flags].join(" "),
        JMXDISABLE: "true",
      },
    }),
  };
}

function fromJars(program: JavaProgram): ZookeeperProgram {
  const classPath = program.classPath(
    (jar) => !/^(ecj|curator|dubbo|guava|jackson|spring)-/.test(jar),
  );
  return {
    version:
      program.jars.map((jar) => /^zookeeper-(\d.*)\.jar$/.exec(jar)?.[1]).find(Boolean) ?? "?",
    image: undefined,
    command: (config, flags) => ({
      command: program.java,
      args: [
        ...jvmFlags,
        "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
        "-Dzookeeper.forceSync=no",
        ...flags,
        "-cp",
        classPath,
        "ZookeeperServer",
        config,
      ],
      env: {},
    }),
  };
}

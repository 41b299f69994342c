import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { type JavaProgram, javaProgram } from "./java.ts";
import { type ImageInEngine, imageInEngine, type Lane, laneOf } from "./lane.ts";
import type { NacosHome } from "./nacos-home.ts";
import type { NacosVersion } from "./nacos-version.ts";

/** A Nacos server that can be run. */
export interface NacosProgram {
  /** Of the server's jars, and who built them: the Nacos project itself publishes none. */
  readonly version: string;
  readonly image: ImageInEngine | undefined;
  /** How a server is run that works in a folder and has more `-D` properties. */
  command(
    home: NacosHome,
    properties: Readonly<Record<string, string>>,
  ): { readonly command: string; readonly args: readonly string[] };
}

/**
 * The server: its image, or jars from Maven Central. Fetched and compiled on first use.
 *
 * @throws Error saying what is missing
 */
export function nacosServer(
  version: NacosVersion,
  lane: Lane = laneOf("nacos"),
): Promise<NacosProgram> {
  return lane === "docker" ? fromImage(version) : fromJars(version);
}

/** The image's jar with the same flags, settings and folder as natively; its own script is for one server only. */
async function fromImage(version: NacosVersion): Promise<NacosProgram> {
  const image = await imageInEngine(`nacos-${version}`);
  const folder = "/home/nacos";
  return {
    version: image.version,
    image,
    command: (home, properties) => ({
      command: javaIn[version],
      args: [
        ...jvmFlags(home, {
          // Without its console, whose port is fixed.
          "nacos.deployment.type": "server",
          "loader.path": `${folder}/plugins`,
          ...properties,
          // The image of 2.5 has a Java of before modules.
        }).filter((flag) => version === "3.1" || !flag.startsWith("--add-opens")),
        "-jar",
        `${folder}/target/nacos-server.jar`,
        `--spring.config.additional-location=file:${home.conf}/`,
        `--logging.config=${folder}/conf/nacos-logback.xml`,
      ],
    }),
  };
}

const javaIn: Readonly<Record<NacosVersion, string>> = {
  "3.1": "/usr/lib/jvm/java-17-openjdk/bin/java",
  "2.5": "/usr/lib/jvm/java-1.8-openjdk/bin/java",
};

async function fromJars(version: NacosVersion): Promise<NacosProgram> {
  // The same from src/ and from dist/.
  const sources = fileURLToPath(new URL(`../java/nacos-${version}`, import.meta.url));
  const program = await javaProgram(`nacos-${version}`, sources);
  const [, found = "?"] =
    program.jars.map((jar) => /^nacos-naming-(\d.*)\.jar$/.exec(jar)).find(Boolean) ?? [];
  return {
    version: `${found} (built by ${builtBy[version]})`,
    image: undefined,
    command: (home, properties) => ({
      command: program.java,
      args: [
        ...jvmFlags(home, properties),
        "-cp",
        [home.conf, classPath(program)].join(":"),
        "NacosServer",
      ],
    }),
  };
}

const builtBy: Readonly<Record<NacosVersion, string>> = {
  "3.1": "io.github.pig-mesh.nacos",
  "2.5": "io.xuxiaowei.nacos",
};

function classPath(program: JavaProgram): string {
  const first = (jar: string): boolean => jar.startsWith("hessian-4");
  const rest = program.classPath((jar) => !first(jar) && !jar.startsWith("ecj-"));
  return [...program.jars.filter(first).map(() => program.classPath(first)), rest].join(":");
}

/** A small and quickly started JVM. */
function jvmFlags(home: NacosHome, properties: Readonly<Record<string, string>>): string[] {
  const all = {
    "file.encoding": "UTF-8",
    "java.io.tmpdir": join(home.folder, "tmp"),
    // Before the settings are read.
    "nacos.home": home.folder,
    "nacos.logs.path": join(home.folder, "logs"),
    "nacos.standalone": "true",
    "user.home": home.folder,
    // Changes are gathered for half a second before they are pushed; read before the settings, too.
    "nacos.naming.push.pushTaskDelay": "20",
    // Its database need not survive a power cut.
    "derby.system.durability": "test",
    ...properties,
  };
  return [
    "-Xms128m",
    "-Xmx384m",
    "-XX:+UseSerialGC",
    "-XX:TieredStopAtLevel=1",
    ...["lang", "lang.reflect", "util"].map(
      (name) => `--add-opens=java.base/java.${name}=ALL-UNNAMED`,
    ),
    ...Object.entries(all).map(([key, value]) => `-D${key}=${value}`),
  ];
}

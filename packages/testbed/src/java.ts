import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { cached } from "./cache-folder.ts";
import { runCommand } from "./command.ts";

const oldest = 17;
const mavenDeadlineMs = 600_000;
const copyDependencies = "org.apache.maven.plugins:maven-dependency-plugin:3.8.1:copy-dependencies";

/** A Java program ready to run: jars from Maven and our own classes, compiled. */
export interface JavaProgram {
  /** The `java` command. */
  readonly java: string;
  /** File names in `lib`, sorted. */
  readonly jars: readonly string[];
  /** A class path of those jars whose name passes, and our own classes. */
  classPath(filter: (jar: string) => boolean): string;
}

/**
 * Fetches and compiles the program in a folder that holds a `pom.xml` and `*.java`, once per content of that folder.
 * Beside classes of our own, the pom must have `org.eclipse.jdt:ecj` among its dependencies: that compiler needs no JDK.
 *
 * @param name for the cache
 * @param sources the folder
 * @throws Error saying what is missing: Java 17 or newer, Maven, or Maven's own complaint
 */
export async function javaProgram(name: string, sources: string): Promise<JavaProgram> {
  const java = await findJava();
  const files = (await readdir(sources)).filter((file) => /\.(java|xml)$/.test(file)).sort();
  const hash = createHash("sha256");
  for (const file of files) hash.update(`${file}\0`).update(await readFile(join(sources, file)));
  const folder = await cached(name, hash.digest("hex"), async (draft) => {
    const lib = join(draft, "lib");
    await runCommand(
      "mvn",
      ["-q", "-B", "-f", join(sources, "pom.xml"), copyDependencies, `-DoutputDirectory=${lib}`],
      { cwd: draft, deadlineMs: mavenDeadlineMs },
    );
    const jars = (await readdir(lib)).map((jar) => join(lib, jar));
    const own = files.filter((file) => file.endsWith(".java")).map((file) => join(sources, file));
    if (own.length === 0) return;
    const compiler = jars.filter((jar) => /ecj-[^/\\]*$/.test(jar)).join(":");
    const flags = [`-${oldest}`, "-proc:none", "-nowarn", "-d", join(draft, "classes")];
    const main = "org.eclipse.jdt.internal.compiler.batch.Main";
    await runCommand(java, ["-cp", compiler, main, ...flags, "-cp", jars.join(":"), ...own]);
  });
  const jars = (await readdir(join(folder, "lib"))).sort();
  return {
    java,
    jars,
    classPath: (filter) =>
      [...jars.filter(filter).map((jar) => join(folder, "lib", jar)), join(folder, "classes")].join(
        ":",
      ),
  };
}

async function findJava(): Promise<string> {
  const home = process.env["JAVA_HOME"];
  const java = home ? join(home, "bin", "java") : "java";
  const said = await runCommand(java, ["-version"]);
  const found = Number(/version "(?:1\.)?(\d+)/.exec(said)?.[1]);
  // A version we cannot read is let through: the program itself will tell.
  if (found < oldest) throw new Error(`Java ${oldest} or newer is needed; ${java} is ${found}`);
  return java;
}

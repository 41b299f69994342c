import { type JavaProgram, javaProgram } from "./java.ts";
import { eurekaContext } from "./images.ts";
import { eurekaInEngine, type ImageInEngine, type Lane, laneOf } from "./lane.ts";

/**
 * A small and quickly started JVM. The encoding is the default from Java 18 on; before, it is the locale's, which may
 * be none, and Eureka would turn every letter outside ASCII into a question mark.
 */
export const jvmFlags: readonly string[] = [
  "-Xmx256m",
  "-XX:+UseSerialGC",
  "-XX:TieredStopAtLevel=1",
  "-Dfile.encoding=UTF-8",
];

/** A Eureka server that can be run. */
export interface EurekaServerProgram {
  /** Of Netflix Eureka and of the Spring Cloud module around it. */
  readonly version: string;
  readonly image: ImageInEngine | undefined;
  /** How a server is run, with a login or without. */
  command(secured: boolean): { readonly command: string; readonly args: readonly string[] };
}

/**
 * The server: an image of our own, or jars from Maven Central. Built on first use.
 *
 * @throws Error saying what is missing
 */
export async function eurekaServer(lane: Lane = laneOf("eureka")): Promise<EurekaServerProgram> {
  if (lane === "docker") {
    const image = await eurekaInEngine();
    const classPath = (secured: boolean): string =>
      `/app/classes:/app/lib/*${secured ? ":/app/security/*" : ""}`;
    return { version: image.version, image, command: (on) => commandOf("java", classPath(on), on) };
  }
  const program = await eurekaProgram();
  return {
    version: eurekaVersion(program),
    image: undefined,
    command: (on) => commandOf(program.java, serverClassPath(program, on), on),
  };
}

/** The server's and the Spring provider's jars and classes, fetched and compiled on first use. */
export function eurekaProgram(): Promise<JavaProgram> {
  return javaProgram("eureka", eurekaContext);
}

/** Without Spring Security unless it is asked for: its firewall would answer unusual URLs before Eureka does. */
export function serverClassPath(program: JavaProgram, secured = false): string {
  return program.classPath(
    (jar) => !jar.startsWith("ecj-") && (secured || !/^spring-(boot-starter-)?security/.test(jar)),
  );
}

/** `2.0.5 (Spring Cloud Netflix 4.3.1)`. */
function eurekaVersion({ jars }: JavaProgram): string {
  const of = (name: string): string =>
    jars.map((jar) => new RegExp(`^${name}-(\\d.*)\\.jar$`).exec(jar)?.[1]).find(Boolean) ?? "?";
  return `${of("eureka-core")} (Spring Cloud Netflix ${of("spring-cloud-netflix-eureka-server")})`;
}

function commandOf(
  command: string,
  classPath: string,
  secured: boolean,
): { readonly command: string; readonly args: readonly string[] } {
  const name = secured ? "SecuredEurekaServer" : "EurekaServer";
  return { command, args: [...jvmFlags, "-cp", classPath, name] };
}

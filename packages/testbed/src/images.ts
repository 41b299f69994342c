import { createHash } from "node:crypto";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";

/** What an image of a registry server is called, and which server is in it. */
export interface ServerImage {
  /** With its tag: `zookeeper:3.9.5`. */
  readonly name: string;
  /** By the tag: `3.9.5`. */
  readonly version: string;
}

/** Kinds that have an official image. */
export type ImageKind = "etcd" | "consul" | "zookeeper" | "nacos-3.1" | "nacos-2.5";

/**
 * The newest images whose version the adapters were run with. `compose.yaml` and the service containers of the
 * workflow must name the same; a test compares them. Another one is tried by `ROLLCALL_ETCD_IMAGE` and so on.
 */
export const pinnedImages: Readonly<Record<ImageKind, string>> = {
  etcd: "quay.io/coreos/etcd:v3.7.2",
  consul: "consul:1.8.7",
  zookeeper: "zookeeper:3.9.5",
  "nacos-3.1": "nacos/nacos-server:v3.1.0",
  "nacos-2.5": "nacos/nacos-server:v2.5.0",
};

/** Where Eureka's image is built from: there is no official one. */
export const eurekaContext: string = fileURLToPath(new URL("../java/eureka", import.meta.url));
const eurekaImage = "rollcall-testbed/eureka";
const eurekaFiles = /^(Dockerfile|pom\.xml|EurekaServer\.java|SecuredEurekaServer\.java)$/;

/** The variable that names another image: `ROLLCALL_NACOS_3_1_IMAGE`. */
export function imageVariable(kind: ImageKind): string {
  return `ROLLCALL_${kind.toUpperCase().replaceAll(/[-.]/g, "_")}_IMAGE`;
}

/**
 * The image of a kind: the pinned one, or the one that the environment names.
 *
 * @throws Error when the environment's has no version in its tag
 */
export function imageOf(kind: ImageKind, env: NodeJS.ProcessEnv = process.env): ServerImage {
  const variable = imageVariable(kind);
  const name = env[variable] || pinnedImages[kind];
  const version = /:v?(\d+\.\d+\.\d+)[^:/]*$/.exec(name)?.[1];
  if (version === undefined) {
    throw new Error(`${variable}: "${name}" has no version as its tag, such as :1.2.3`);
  }
  return { name, version };
}

/** Eureka's image, named by a hash of all that it is built from; the version is Spring Cloud's. */
export async function eurekaImageOf(): Promise<ServerImage> {
  const hash = createHash("sha256");
  for (const file of (await readdir(eurekaContext)).sort()) {
    if (!eurekaFiles.test(file)) continue;
    hash.update(`${file}\0`).update(await readFile(join(eurekaContext, file)));
  }
  const pom = await readFile(join(eurekaContext, "pom.xml"), "utf8");
  const [, release = "?"] = /spring-cloud-dependencies<[^]*?<version>([^<]+)</.exec(pom) ?? [];
  return {
    name: `${eurekaImage}:${hash.digest("hex").slice(0, 16)}`,
    version: `of Spring Cloud ${release}`,
  };
}

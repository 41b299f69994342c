import { inject } from "vitest";
import { buildImage, type DockerEngine, dockerEngine, pullImage } from "./docker.ts";
import {
  eurekaContext,
  eurekaImageOf,
  type ImageKind,
  imageOf,
  type ServerImage,
} from "./images.ts";

/** Where servers are started: in containers, or as processes from packages. */
export type Lane = "docker" | "native";

/** An engine and the image that it has. */
export interface ImageInEngine extends ServerImage {
  readonly engine: DockerEngine;
}

/**
 * The lane in which tests start servers of a kind: what the run's setup found for it; native in a process that is no
 * worker of such a run.
 */
export function laneOf(kind: string): Lane {
  try {
    const own = inject("rollcallRegistries")?.[kind]?.own;
    return own !== undefined && "lane" in own ? own.lane : "native";
  } catch {
    // Not in a worker of vitest.
    return "native";
  }
}

/**
 * The image of a kind, fetched on first use.
 *
 * @throws Error saying why there is no engine, or what Docker said of the image
 */
export async function imageInEngine(kind: ImageKind): Promise<ImageInEngine> {
  const engine = await dockerEngine();
  const image = imageOf(kind);
  await pullImage(image.name);
  return { ...image, engine };
}

/** Eureka's image, built on first use. */
export async function eurekaInEngine(): Promise<ImageInEngine> {
  const engine = await dockerEngine();
  const image = await eurekaImageOf();
  await buildImage(image.name, eurekaContext);
  return { ...image, engine };
}

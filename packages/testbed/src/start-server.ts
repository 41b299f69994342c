import { type ContainerOptions, startContainer } from "./container.ts";
import type { ImageInEngine } from "./lane.ts";
import {
  type ServerProcess,
  type ServerProcessOptions,
  startServerProcess,
} from "./server-process.ts";

/** What to start, and in which image; without one, natively. */
export interface ServerOptions extends ServerProcessOptions {
  readonly image: ImageInEngine | undefined;
  /** In an image: for the container's name, the folders it shares with us, and its environment. */
  readonly container: Pick<ContainerOptions, "kind" | "folders" | "env">;
}

/**
 * Starts a server where it belongs and waits until it serves.
 *
 * @throws Error with the end of its log when it ends by itself or is not ready in time; it is stopped then.
 */
export function startServer({
  image,
  container,
  ...options
}: ServerOptions): Promise<ServerProcess> {
  if (image === undefined) return startServerProcess(options);
  return startContainer({ ...container, engine: image.engine, image: image.name }, options);
}

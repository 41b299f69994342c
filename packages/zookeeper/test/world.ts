import { createDiscovery, type Discovery, type Registry, type ServiceView } from "@rollcall/core";
import { until } from "@rollcall/testbed";

import { zookeeperRegistry, type ZookeeperOptions } from "../src/index.ts";

/** What one test makes; all of it ends with the test. */
export class World implements AsyncDisposable {
  readonly #stack = new AsyncDisposableStack();

  registry(options: ZookeeperOptions): Registry {
    return this.#stack.use(
      zookeeperRegistry({
        sessionTimeoutMs: 2_000,
        timeouts: { connectMs: 1_000, requestMs: 2_000 },
        ...options,
      }),
    );
  }

  /** Without protection and with short waits. */
  view(registry: Registry, service: string): ServiceView {
    const discovery: Discovery = this.#stack.use(
      createDiscovery(registry, { protection: "off", backoff: { baseMs: 20, capMs: 200 } }),
    );
    return this.#stack.use(discovery.service(service));
  }

  use<T extends AsyncDisposable | Disposable>(resource: T): T {
    return this.#stack.use(resource);
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.#stack.disposeAsync();
  }
}

/** Waits until the view's routable ids are these. */
export async function shows(view: ServiceView, ids: readonly string[]): Promise<void> {
  const wanted = [...ids].sort().join(",");
  await until(() => view.nodes.map(({ id }) => id).join(",") === wanted, {
    what: `the view to show [${wanted}]`,
  });
}

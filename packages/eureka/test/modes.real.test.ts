import { createDiscovery, type Registry, type ServiceView } from "@rollcall/core";
import {
  describeOwnEureka,
  type EurekaProcess,
  freePort,
  startEureka,
  until,
} from "@rollcall/testbed";
import { expect, test } from "vitest";

import { eurekaRegistry, type EurekaOptions } from "../src/index.ts";
import { rawEureka } from "./raw-eureka.ts";

const host = "127.0.0.1";
const ids = (view: ServiceView): string => view.nodes.map(({ id }) => id).join();

/** A registry and a view of `orders`, disposed with the scope. */
function open(
  scope: AsyncDisposableStack,
  servers: EurekaOptions["servers"],
  options: Partial<EurekaOptions> = {},
): { readonly registry: Registry; readonly view: ServiceView } {
  const timeouts = { connectMs: 1_000, sendMs: 500, readMs: 1_500 };
  const lease = { renewalIntervalMs: 1_000, durationMs: 3_000 };
  const registry = scope.use(
    eurekaRegistry({ servers, intervalMs: 100, timeouts, lease, random: () => 0, ...options }),
  );
  const view = scope.use(createDiscovery(registry)).service("orders");
  return { registry, view };
}

/** Every state a view goes through from now on, until its discovery is disposed. */
function statesOf(view: ServiceView): ReadonlySet<string> {
  const states = new Set<string>();
  void (async () => {
    for await (const { state } of view) states.add(state);
  })();
  return states;
}

describeOwnEureka("a Eureka server that serves no deltas", () => {
  test("is followed by reading everything", async () => {
    await using scope = new AsyncDisposableStack();
    const server = scope.use(
      await startEureka({ settings: { "eureka.server.disable-delta": "true" } }),
    );
    const raw = rawEureka(server.url);
    expect((await raw.send("GET", "apps/delta")).status).toBe(403);
    // Not the last of the registry, which would be doubted.
    await raw.register({ service: "others", id: "z", host, port: 9 });
    const { registry, view } = open(scope, server.url);
    await view.ready();
    const states = statesOf(view);
    const registration = await registry.register({ service: "orders", id: "a", host, port: 1 });
    await until(() => ids(view) === "a", { what: "the node" });
    await registration.update({ metadata: { version: "2" } });
    await until(() => view.nodes[0]?.metadata["version"] === "2", { what: "its metadata" });
    await registration.update({ status: "draining" });
    await until(() => view.snapshot.all[0]?.status === "draining", { what: "its draining" });
    await registration.deregister();
    await until(() => view.snapshot.all.length === 0, { what: "its end" });
    expect(states).toEqual(new Set(["fresh"]));
  });
});

describeOwnEureka("a Eureka server with its read-only cache", () => {
  test("is followed to the truth, however late it shows it", async () => {
    await using scope = new AsyncDisposableStack();
    const settings = {
      "eureka.server.response-cache-update-interval-ms": "700",
      // An answer that was being computed while a change came may stay in the cache until it expires: 180 s by default.
      "eureka.server.response-cache-auto-expiration-in-seconds": "5",
    };
    const server = scope.use(await startEureka({ readOnlyCache: true, settings }));
    const raw = rawEureka(server.url);
    const { view } = open(scope, server.url);
    for (let round = 0; round < 6; round += 1) {
      // A burst, so that the cache shows states between.
      for (let id = 0; id < 8; id += 1) {
        if ((id + round) % 3 === 0) await raw.send("DELETE", `apps/ORDERS/${id}`);
        else {
          const metadata = { round: String(round) };
          await raw.register({
            service: "orders",
            id: String(id),
            host,
            port: 80 + round,
            metadata,
          });
        }
      }
      const truth = (
        await Promise.all([...Array(8).keys()].map((id) => raw.instance("orders", String(id))))
      )
        .filter((one) => one !== undefined)
        .map((one) => `${String(one["instanceId"])} ${(one["port"] as { $: number }).$}`);
      await until(
        () => {
          expect(view.nodes.map(({ id, port }) => `${id} ${port}`)).toEqual(truth);
          return true;
        },
        { what: `the truth of round ${round}` },
      );
    }
  });
});

describeOwnEureka("two Eureka servers that replicate", () => {
  async function cluster(
    scope: AsyncDisposableStack,
  ): Promise<readonly [EurekaProcess, EurekaProcess]> {
    const ports = [await freePort(), await freePort()] as const;
    const [first, second] = ports.map((port) => `http://127.0.0.1:${port}/eureka/`) as [
      string,
      string,
    ];
    const servers = await Promise.all([
      startEureka({ port: ports[0], peers: [second] }),
      startEureka({ port: ports[1], peers: [first] }),
    ]);
    for (const server of servers) scope.use(server);
    return servers;
  }

  test("one of them may die: nodes stay, registrations stay, changes are seen", async () => {
    await using scope = new AsyncDisposableStack();
    const [first, second] = await cluster(scope);
    const { registry, view } = open(scope, [first.url, second.url]);
    const registration = await registry.register({ service: "orders", id: "a", host, port: 1 });
    await until(() => ids(view) === "a", { what: "the node" });
    const peer = rawEureka(second.url);
    await until(() => peer.instance("orders", "a"), { what: "replication" });
    const states = statesOf(view);

    await first.kill();
    await peer.register({ service: "orders", id: "b", host, port: 2 });
    await until(() => ids(view) === "a,b", { what: "the second node" });
    await registration.update({ weight: 7 });
    await until(() => view.nodes[0]?.weight === 7, { what: "the change" });
    const renewedMs = async (): Promise<number> => {
      const lease = (await peer.instance("orders", "a"))?.["leaseInfo"];
      return (lease as { lastRenewalTimestamp: number }).lastRenewalTimestamp;
    };
    const before = await renewedMs();
    await until(async () => (await renewedMs()) > before + 2_000, { what: "heartbeats" });
    expect(states).toEqual(new Set(["fresh"]));
    expect(registration.state).toMatchObject({ phase: "registered", generation: 1 });

    // Back and empty, it gets its data from the other, and takes over when that one dies.
    await first.restart();
    const back = rawEureka(first.url);
    await until(() => back.instance("orders", "b"), {
      what: "the data to return",
      deadlineMs: 90_000,
    });
    await until(() => back.instance("orders", "a"), {
      what: "our record to return",
      deadlineMs: 90_000,
    });
    await second.kill();
    await back.register({ service: "orders", id: "c", host, port: 3 });
    await until(() => ids(view) === "a,b,c", { what: "the third node" });
    expect(states).toEqual(new Set(["fresh"]));
  });
});

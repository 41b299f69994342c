import { createDiscovery, type ServiceView } from "@rollcall/core";
import { type EurekaChange, startEurekaServer } from "@rollcall/eureka-server";
import {
  describeEureka,
  describeOwnEureka,
  namespace,
  type SpringProvider,
  startSpringProvider,
  until,
} from "@rollcall/testbed";
import { expect, test } from "vitest";

import { eurekaRegistry } from "../src/index.ts";
import { startJsClient } from "./js-client.ts";
import { rawEureka } from "./raw-eureka.ts";

const name = namespace("interop");

/** Our side of one server, as a program would have it. */
class OurSide implements AsyncDisposable {
  readonly registry;
  readonly #discovery;

  constructor(servers: string) {
    this.registry = eurekaRegistry({ servers, intervalMs: 100 });
    this.#discovery = createDiscovery(this.registry);
  }

  view(service: string): ServiceView {
    return this.#discovery.service(service);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#discovery[Symbol.asyncDispose]();
    await this.registry[Symbol.asyncDispose]();
  }
}

/** What the discovery client inside a Spring Boot application knows of a service. */
async function seenBySpring(provider: SpringProvider, service: string): Promise<unknown[]> {
  const response = await fetch(`${provider.url}/instances/${service}`);
  return (await response.json()) as unknown[];
}

function gone(view: ServiceView): Promise<boolean> {
  return until(() => view.snapshot.all.length === 0, { what: "the node to be gone" });
}

describeEureka("eureka-js-client", ({ url }) => {
  test("registers, and we see it until it stops", async () => {
    const service = name("theirs");
    await using ours = new OurSide(url);
    const view = ours.view(service);
    const client = await startJsClient(url, {
      app: service,
      instanceId: "theirs-1",
      hostName: "orders-1.example.com",
      ipAddr: "10.1.2.3",
      port: { $: 8081, "@enabled": "true" },
      vipAddress: service,
      dataCenterInfo: {
        "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
        name: "MyOwn",
      },
      metadata: { version: "2", zone: "a", weight: 7 },
    });
    await until(() => view.nodes.length === 1, { what: "the node to appear" });
    expect({ ...view.nodes[0], metadata: { ...view.nodes[0]?.metadata } }).toEqual({
      service: service.toUpperCase(),
      id: "theirs-1",
      host: "10.1.2.3",
      port: 8081,
      secure: false,
      hostname: undefined,
      weight: 7,
      priority: 0,
      status: "up",
      zone: "a",
      metadata: { version: "2", zone: "a" },
    });
    expect(view.snapshot.rejected).toEqual([]);
    await client.stop();
    await gone(view);
  });

  test("sees what we register, not while it drains, and no more after we are gone", async () => {
    const service = name("ours");
    await using client = await startJsClient(url);
    const ids = (): string[] => client.instances(service).map(({ instanceId }) => instanceId);
    await using ours = new OurSide(url);
    const registration = await ours.registry.register({
      service,
      host: "10.1.2.4",
      port: 8082,
      zone: "b",
      weight: 5,
      metadata: { version: "3", note: "grüße" },
    });
    const { id } = registration.node;
    await until(() => ids().includes(id), { what: "the record to appear" });
    expect(client.instances(service)).toMatchObject([
      {
        hostName: "10.1.2.4",
        ipAddr: "10.1.2.4",
        status: "UP",
        port: { $: 8082, "@enabled": "true" },
        metadata: { version: "3", note: "grüße", zone: "b", weight: "5" },
      },
    ]);
    await registration.update({ status: "draining" });
    await until(() => ids().length === 0, { what: "the record to be out of service" });
    await registration.update({ status: "up" });
    await until(() => ids().includes(id), { what: "the record to be back" });
    await ours[Symbol.asyncDispose]();
    await until(() => ids().length === 0, { what: "the record to vanish" });
  });
});

describeEureka("a Spring Boot application", ({ url }) => {
  test("registers, and we see it until it stops; it sees what we register", async () => {
    const [theirs, mine] = [name("spring"), name("for-spring")];
    await using ours = new OurSide(url);
    const view = ours.view(theirs);
    await using provider = await startSpringProvider({
      eurekaUrl: url,
      appName: theirs,
      settings: {
        "eureka.instance.metadata-map.zone": "a",
        "eureka.instance.metadata-map.version": "2.1",
        "eureka.instance.metadata-map.weight": "30",
      },
    });
    await until(() => view.nodes.length === 1, { what: "the Spring node to appear" });
    expect(view.nodes[0]).toMatchObject({
      service: theirs.toUpperCase(),
      host: "127.0.0.1",
      port: provider.port,
      secure: false,
      status: "up",
      weight: 30,
      zone: "a",
      metadata: { version: "2.1", zone: "a" },
    });
    expect(view.nodes[0]?.id).toMatch(new RegExp(`:${theirs}:${provider.port}$`));

    const registration = await ours.registry.register({
      service: mine,
      host: "127.0.0.1",
      port: 8443,
      secure: true,
      hostname: "orders.example.com",
      zone: "b",
      metadata: { version: "3" },
    });
    const seen = (): Promise<unknown[]> => seenBySpring(provider, mine);
    await until(async () => (await seen()).length === 1, { what: "Spring to see our node" });
    expect(await seen()).toMatchObject([
      {
        id: registration.node.id,
        // Spring goes by name where we go by address.
        host: "orders.example.com",
        port: 8443,
        secure: true,
        metadata: { version: "3", zone: "b", weight: "100" },
      },
    ]);
    await registration.update({ status: "draining" });
    await until(async () => (await seen()).length === 0, { what: "Spring to leave our node out" });
    await registration.update({ status: "up" });
    await until(async () => (await seen()).length === 1, { what: "Spring to take it back" });
    await registration.deregister();
    await until(async () => (await seen()).length === 0, { what: "our node to leave Spring" });

    await provider.stop();
    await gone(view);
  });
});

// Eureka itself is not needed, but what starts it is: Java, and the jars.
describeOwnEureka("a Spring Boot application and eureka-server", () => {
  test("it registers, renews, sees us and leaves", async () => {
    const [theirs, mine] = ["spring-orders", "for-spring"];
    const changes: EurekaChange[] = [];
    await using server = await startEurekaServer({
      exactLeases: true,
      onChange: (change) => changes.push(change),
    });
    await using ours = new OurSide(server.url);
    const view = ours.view(theirs);
    await using provider = await startSpringProvider({ eurekaUrl: server.url, appName: theirs });
    await until(() => view.nodes.length === 1, { what: "the Spring node to appear" });
    expect(view.nodes[0]).toMatchObject({ host: "127.0.0.1", port: provider.port, status: "up" });

    await ours.registry.register({ service: mine, host: "127.0.0.1", port: 8082 });
    await until(async () => (await seenBySpring(provider, mine)).length === 1, {
      what: "Spring to see our node",
    });

    // Three leases of 3 s long, by the server's own clock.
    const raw = rawEureka(server.url);
    await until(
      async () => {
        const stored = await raw.instance(theirs, view.nodes[0]?.id ?? "");
        const lease = stored?.["leaseInfo"] as Record<string, number> | undefined;
        return (
          lease !== undefined &&
          Number(lease["lastRenewalTimestamp"]) - Number(lease["registrationTimestamp"]) > 9_000
        );
      },
      { what: "heartbeats", everyMs: 200 },
    );
    expect(ours.view(theirs).nodes).toHaveLength(1);
    await provider.stop();
    await gone(view);
    const types = changes.filter(({ service }) => service === theirs.toUpperCase());
    expect(types.map(({ type }) => type)).not.toContain("expired");
    expect(types.at(-1)?.type).toBe("left");
  });
});

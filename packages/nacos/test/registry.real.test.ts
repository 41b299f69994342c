import assert from "node:assert/strict";

import { createDiscovery } from "@rollcall/core";
import {
  describeOwnNacos,
  type NacosProcess,
  namespace,
  startNacos,
  until,
} from "@rollcall/testbed";
import { afterAll, beforeAll, test } from "vitest";

import { nacosRegistry } from "../src/index.ts";

const named = namespace("nacos");

describeOwnNacos("a real Nacos 3.1", () => {
  let server: NacosProcess;
  beforeAll(async () => {
    server = await startNacos({ version: "3.1" });
  });
  afterAll(() => server?.stop());

  test("register, watch, update, deregister", async () => {
    const service = named("orders");
    await using registry = nacosRegistry({ servers: server.url, protocol: "grpc" });
    await using discovery = createDiscovery(registry, { protection: "off" });
    using view = discovery.service(service);
    const { nodes } = await view.ready();
    assert.deepEqual(nodes, []);
    const registration = await registry.register({ service, host: "127.0.0.1", port: 8080 });
    await until(() => view.nodes.length === 1, { what: "the node" });
    assert.equal(view.nodes[0]?.weight, 1);
    await registration.update({ weight: 7, metadata: { version: "2" } });
    await until(() => view.nodes[0]?.weight === 7, { what: "the update" });
    assert.ok((await registry.services()).includes(service));
    await registration.deregister();
    await until(() => view.nodes.length === 0, { what: "the end" });
  });
});

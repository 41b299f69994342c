import { faultProxy } from "@rollcall/conformance";
import { consulApi, startConsul, until } from "@rollcall/testbed";
import { test } from "vitest";

import { consulRegistry } from "../src/index.ts";

// Consul counts a minute at least, and looks every half.
test("a node that is gone is removed for good", async () => {
  await using consul = await startConsul();
  await using proxy = await faultProxy({ host: "127.0.0.1", port: consul.port });
  await using registry = consulRegistry({
    servers: `http://127.0.0.1:${proxy.port}`,
    timeouts: { connectMs: 500, readMs: 500 },
    registration: { ttlMs: 1_000, deregisterAfterMs: 60_000 },
  });
  await registry.register({ service: "web", host: "10.0.0.1", port: 1 });
  const count = async (query: string): Promise<number> => {
    const { body } = await consulApi(consul.access, "GET", `/v1/health/service/web${query}`);
    return (body as unknown[]).length;
  };
  await until(async () => (await count("?passing")) === 1, { what: "the node" });
  proxy.refuse();
  await until(async () => (await count("?passing")) === 0, { what: "its lapse" });
  await until(async () => (await count("")) === 0, { what: "its end", deadlineMs: 240_000 });
});

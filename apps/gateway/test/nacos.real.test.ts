import assert from "node:assert/strict";

import { nacosRegistry } from "@rollcall/nacos";
import { describeOwnNacos, startNacos, until } from "@rollcall/testbed";
import { onTestFinished, test } from "vitest";

import { foreignNode, realGateway } from "./real-gateway.ts";

const password = "p@ss:w/rd?#&";

describeOwnNacos("a gateway on a real Nacos", () => {
  test("tells services of one name apart by discovery_args", async () => {
    const nacos = await startNacos({ auth: { password } });
    onTestFinished(() => nacos.stop());
    const origin = nacos.url.replace("http://", `http://nacos:${password}@`);
    const registry = nacosRegistry({ servers: origin });
    onTestFinished(() => registry[Symbol.asyncDispose]());
    const enter = async (name: string, scope: Record<string, string>): Promise<void> => {
      const { port } = await foreignNode(name);
      await registry.register({ service: "orders", host: "127.0.0.1", port }, { scope });
    };
    await enter("plain", {});
    await enter("blue", { group_name: "BLUE" });
    await enter("far", { group_name: "BLUE", clusters: "FAR" });
    await enter("other", { namespace_id: "other" });
    const orders = { service: "orders", registry: "nacos" };
    // As APISIX has it: the list of hosts, the user in it, and the path of the API's first version.
    const gateway = await realGateway(
      `{ nacos: { host: ["${origin}"], prefix: /nacos/v1/, fetch_interval: 5 } }`,
      {
        "/plain": orders,
        "/blue": { ...orders, args: "{ group_name: BLUE, clusters: DEFAULT }" },
        "/far": { ...orders, args: "{ group_name: BLUE, clusters: [FAR, NOWHERE] }" },
        "/other": { ...orders, args: "{ namespace_id: other }" },
        "/nothing": { ...orders, args: "{ group_name: GREEN }" },
      },
    );
    for (const name of ["plain", "blue", "far", "other"]) {
      await until(async () => (await gateway.get(`/${name}`)).status === 200, { what: name });
      for (let n = 0; n < 5; n += 1) {
        assert.match((await gateway.get(`/${name}`)).text, new RegExp(`"name":"${name}"`));
      }
    }
    await until(async () => /NO_NODES/.test((await gateway.get("/nothing")).text), {
      what: "word of nothing",
    });
    assert.equal((await gateway.get("/nothing")).status, 503);
    assert.equal((await gateway.nodes("nacos", "orders")).length, 1);
    assert.equal((await gateway.nodes("nacos", "orders?namespace_id=other")).length, 1);
  });
});

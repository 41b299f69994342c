import assert from "node:assert/strict";

import { createDiscovery, type Registry, type ServiceView } from "@rollcall/core";
import {
  describeOwnNacos,
  type NacosClient,
  type NacosProcess,
  type NacosVersion,
  namespace,
  startNacos,
  startNacosClient,
  until,
} from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { nacosRegistry } from "../src/index.ts";
import { sign } from "../src/signature.ts";
import { type NpmClient, type NpmInstance, startNpmClient } from "./npm-client.ts";

const named = namespace("interop");
const group = "DEFAULT_GROUP";

/** Runs `body` with a registry and a view of one service. */
async function watching(
  url: string,
  service: string,
  body: (registry: Registry, view: ServiceView) => Promise<void>,
): Promise<void> {
  await using registry = nacosRegistry({ servers: url, protocol: "grpc" });
  await using discovery = createDiscovery(registry, { protection: "off" });
  using view = discovery.service(service);
  await view.ready();
  await body(registry, view);
}

function ports(view: ServiceView): number[] {
  return view.nodes.map(({ port }) => port).sort((a, b) => a - b);
}

async function shows(view: ServiceView, expected: readonly number[]): Promise<void> {
  await until(
    () => {
      assert.deepEqual(ports(view), expected);
      return true;
    },
    { what: `the nodes [${expected.join(", ")}]` },
  );
}

describe.each<{ version: NacosVersion }>([{ version: "3.1" }, { version: "2.5" }])(
  "Nacos $version",
  ({ version }) => {
    describeOwnNacos("other people's clients", () => {
      let server: NacosProcess;
      let java: NacosClient;
      let npm: NpmClient;
      beforeAll(async () => {
        server = await startNacos({ version });
        java = await startNacosClient({ serverAddr: `127.0.0.1:${server.port}` });
        npm = await startNpmClient(server.url);
      });
      afterAll(async () => {
        await npm?.close();
        await java?.[Symbol.asyncDispose]();
        await server?.stop();
      });

      test("what the Java client registers we see, and see it change and leave", async () => {
        const service = named("from-java");
        await watching(server.url, service, async (_, view) => {
          await java.run("register", service, group, "10.0.0.1", "8080", "2.5", "HZ", "version=7");
          await shows(view, [8080]);
          const [node] = view.nodes;
          assert.equal(node?.weight, 2.5);
          assert.equal(node?.zone, "HZ");
          assert.equal(node?.metadata["version"], "7");
          await java.run("register", service, group, "10.0.0.1", "8080", "0", "HZ");
          await shows(view, []);
          assert.equal(view.snapshot.all[0]?.weight, 0);
          await java.run("deregister", service, group, "10.0.0.1", "8080", "HZ");
          await until(() => view.snapshot.all.length === 0, { what: "it to leave" });
          await java.run("batch", service, group, "10.0.0.1", "1", "2", "3");
          await shows(view, [1, 2, 3]);
        });
      });

      test("what we register the Java client sees, and hears it change, drain and leave", async () => {
        const service = named("to-java");
        await watching(server.url, service, async (registry, view) => {
          await java.run("subscribe", service, group);
          const registration = await registry.register({
            service,
            host: "10.0.0.2",
            port: 8080,
            metadata: { version: "7" },
          });
          const hears = (text: string): Promise<unknown> =>
            until(() => java.heard(service) === text, { what: `the Java client to hear ${text}` });
          await hears("10.0.0.2:8080 1.0 true");
          assert.equal(await java.run("select", service, group), "10.0.0.2:8080 1.0 true");
          const second = await registry.register({ service, host: "10.0.0.2", port: 8081 });
          await hears("10.0.0.2:8080 1.0 true,10.0.0.2:8081 1.0 true");
          await registration.update({ weight: 7 });
          await hears("10.0.0.2:8080 7.0 true,10.0.0.2:8081 1.0 true");
          await registration.update({ status: "draining" });
          await hears("10.0.0.2:8080 0.0 true,10.0.0.2:8081 1.0 true");
          assert.equal(await java.run("select", service, group), "10.0.0.2:8081 1.0 true");
          await registration.deregister();
          await hears("10.0.0.2:8081 1.0 true");
          await second.deregister();
          await shows(view, []);
          // An event for an empty list is something that it does not have; the list is.
          assert.equal(await java.run("list", service, group), "");
        });
      });

      test("a Java process that is killed is gone", async () => {
        const service = named("killed");
        await watching(server.url, service, async (_, view) => {
          await using other = await startNacosClient({ serverAddr: `127.0.0.1:${server.port}` });
          await other.run("register", service, group, "10.0.0.3", "8080", "1", "DEFAULT");
          await shows(view, [8080]);
          await other.kill();
          await shows(view, []);
        });
      });

      test("what the npm package registers we see, the last to leave included", async () => {
        const service = named("from-npm");
        await watching(server.url, service, async (_, view) => {
          const instance = { ip: "10.0.0.4", port: 8080, weight: 3, metadata: { version: "7" } };
          await npm.registerInstance(service, instance);
          await shows(view, [8080]);
          assert.equal(view.nodes[0]?.weight, 3);
          assert.equal(view.nodes[0]?.metadata["version"], "7");
          await npm.deregisterInstance(service, instance);
          await shows(view, []);
        });
      });

      test("what we register the npm package sees and hears", async () => {
        const service = named("to-npm");
        await watching(server.url, service, async (registry) => {
          let heard: readonly NpmInstance[] = [];
          npm.subscribe(service, (hosts) => {
            heard = hosts;
          });
          const node = { service, host: "10.0.0.5", port: 8080, metadata: { version: "7" } };
          await registry.register(node);
          await until(() => heard.length === 1, { what: "the package to hear" });
          const [seen] = await npm.getAllInstances(service);
          assert.equal(seen?.port, 8080);
          assert.equal(seen?.metadata["version"], "7");
        });
      });
    });
  },
);

describeOwnNacos("the signatures of the Java client", () => {
  test("are ours", async () => {
    await using java = await startNacosClient({});
    const keys = { accessKey: "AKID", secretKey: "sécret/+key=" };
    for (const service of ["orders", "a.b-c_d", "ünïcode"]) {
      const said = await java.run("sign", keys.accessKey, keys.secretKey, service, "G1");
      const [, data = ""] = /data=([^,]*)/.exec(said) ?? [];
      const own = sign(keys, `G1@@${service}`, Number(data.split("@@")[0]));
      assert.equal(said, `ak=${own.ak},data=${own.data},signature=${own.signature}`);
    }
  });
});

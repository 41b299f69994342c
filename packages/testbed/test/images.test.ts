import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { test } from "vitest";
import { parse } from "yaml";
import { eurekaImageOf, imageOf, imageVariable, pinnedImages } from "../src/images.ts";

interface Service {
  readonly image?: string;
  readonly build?: string;
  readonly ports?: readonly string[];
  readonly healthcheck?: { readonly test: readonly string[] };
}

const file = (path: string): unknown =>
  parse(readFileSync(new URL(`../../../${path}`, import.meta.url), "utf8"));

test("compose.yaml names the pinned images, on loopback, each with a check of its health", () => {
  const { services } = file("compose.yaml") as { services: Record<string, Service> };
  const pinned = (kind: keyof typeof pinnedImages): string =>
    `\${${imageVariable(kind)}:-${pinnedImages[kind]}}`;
  assert.deepEqual(
    Object.fromEntries(Object.entries(services).map(([name, { image }]) => [name, image])),
    {
      etcd: pinned("etcd"),
      consul: pinned("consul"),
      zookeeper: pinned("zookeeper"),
      nacos: pinned("nacos-3.1"),
      eureka: undefined,
    },
  );
  for (const { ports = [], healthcheck } of Object.values(services)) {
    assert.ok(ports.length > 0);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:(\d+):\1$/);
    assert.ok(healthcheck !== undefined && healthcheck.test.length > 1);
  }
});

test("the workflow's service containers are the pinned images, on loopback", () => {
  const { jobs } = file(".github/workflows/ci.yml") as {
    jobs: {
      services: {
        services: Record<string, Service>;
        strategy: { matrix: { include: { consul: string; ahead: boolean }[] } };
      };
    };
  };
  const { services, strategy } = jobs.services;
  const blocking = strategy.matrix.include.filter(({ ahead }) => !ahead);
  assert.deepEqual(
    blocking.map(({ consul }) => consul),
    [pinnedImages.consul],
  );
  assert.deepEqual(
    Object.fromEntries(Object.entries(services).map(([name, { image }]) => [name, image])),
    {
      etcd: pinnedImages.etcd,
      consul: "${{ matrix.consul }}",
      zookeeper: pinnedImages.zookeeper,
      nacos: pinnedImages["nacos-3.1"],
    },
  );
  for (const { ports = [] } of Object.values(services)) {
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:(\d+):\1$/);
  }
});

test("an image's version is its tag's; the environment may name another", () => {
  assert.deepEqual(imageOf("etcd", {}), {
    name: pinnedImages.etcd,
    version: /v(.*)$/.exec(pinnedImages.etcd)?.[1],
  });
  const env = { ROLLCALL_NACOS_2_5_IMAGE: "my.host:5000/nacos:v2.5.2-slim" };
  assert.deepEqual(imageOf("nacos-2.5", env), {
    name: "my.host:5000/nacos:v2.5.2-slim",
    version: "2.5.2",
  });
  assert.throws(
    () => imageOf("consul", { ROLLCALL_CONSUL_IMAGE: "my.host:5000/consul" }),
    /ROLLCALL_CONSUL_IMAGE: "my.host:5000\/consul" has no version as its tag/,
  );
});

test("Eureka's image is named by what it is built from", async () => {
  const { name, version } = await eurekaImageOf();
  assert.match(name, /^rollcall-testbed\/eureka:[0-9a-f]{16}$/);
  assert.match(version, /^of Spring Cloud 20\d\d\.\d+\.\d+$/);
});

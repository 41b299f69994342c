import { expect, test } from "vitest";

import { formatProblem } from "../src/index.ts";
import { registryFactories } from "../src/registry-factories.ts";
import { checkRegistries } from "../src/run.ts";
import { loadText } from "./config-file.ts";

/** Entries of `discovery` that only the registry's package can judge: `»` stands before what is wrong, then what is said. */
const cases: [entry: string, message: string][] = [
  [
    'etcd: { host: ["http://a:1", »"http://u:hunter2@b:1"] }',
    "discovery.etcd.host[1] must be without user information",
  ],
  ['etcd: { host: »["http://a:1", "http://a:1"] }', "discovery.etcd.host has http://a:1 twice"],
  [
    'main: { type: consul, servers: ["http://a:1"], token: »"hunter2 hunter2" }',
    "discovery.main.token must be a text without spaces",
  ],
  [
    'consul: { servers: ["http://a:1"], default_service: { port: 1, host: »"a b" } }',
    "discovery.consul.default_service.host must be an IPv4 address",
  ],
  [
    'consul: { servers: ["http://a:1"], consistency: consistent, cached: »true }',
    "discovery.consul.cached must be false with the consistency consistent",
  ],
  ['zookeeper: { host: »["a:99999"] }', "discovery.zookeeper.host must be host:port"],
  ['nacos: { host: »["http://a:1", "http://a:1"] }', "discovery.nacos.host has http://a:1 twice"],
  // The file has no key for it, so the entry is shown.
  [
    'nacos: »{ host: ["http://a:65000"] }',
    "discovery.nacos.grpcPortOffset must lead to a port from 1 to 65535",
  ],
  [
    'eureka: { host: ["https://a"], tls: { verify: true, ca: »"-----BEGIN hunter2" } }',
    "discovery.eureka.tls.ca must be one certificate",
  ],
];

test.each(cases)("%s is told where it stands", async (marked, message) => {
  const entry = marked.replace("»", "");
  const loaded = loadText(`listen: [{ port: 1 }]\nroutes: []\ndiscovery:\n  ${entry}\n`);
  expect(loaded.lines).toEqual([]);
  const problems = await checkRegistries(loaded, registryFactories);
  const place = `c.yaml:4:${marked.indexOf("»") + 3}: `;
  expect(problems.map(formatProblem)).toEqual([expect.stringContaining(place + message)]);
  expect(problems[0]?.message).not.toContain("hunter2");
});

import { writeFileSync } from "node:fs";
import { join } from "node:path";

import type { Registry } from "@rollcall/core";
import { describe, expect, test } from "vitest";

import {
  configJsonSchema,
  type GatewayConfig,
  loadConfig,
  type UpstreamConfig,
} from "../src/index.ts";
import { registryKinds } from "../src/config/registries/kinds.ts";
import { registryFactories } from "../src/index.ts";
import { loadText, testDirectory } from "./config-file.ts";

const head = `listen: [{ port: 0 }]
discovery: { eureka: { host: ["http://127.0.0.1:8761"] } }
`;

function config(text: string, options: Parameters<typeof loadText>[1] = {}): GatewayConfig {
  const loaded = loadText(text, options);
  if (loaded.config === undefined) throw new Error(loaded.lines.join("\n"));
  return loaded.config;
}

function upstream(text: string, more = ""): UpstreamConfig {
  return config(`${head}routes: [{ id: r, uri: /a, upstream: ${text} }]\n${more}`).routes[0]!
    .upstream;
}

const example = `listen: [{ host: 127.0.0.1, port: 9080 }]
admin:  { host: 127.0.0.1, port: 9090 }
discovery:
  eureka:    { host: ["http://user:pass@127.0.0.1:8761"], prefix: /eureka/, fetch_interval: 30, weight: 100, timeout: { connect: 2000, send: 2000, read: 5000 } }
routes:
  - { id: user, uri: /user/*, upstream: { service_name: USER-SERVICE, discovery_type: eureka, type: roundrobin } }
  - { id: a, uri: /a/*, plugins: { proxy-rewrite: { regex_uri: ["^/a/(.*)", "/\${1}"] } }, upstream: { service_name: A-SERVICE, discovery_type: eureka, type: roundrobin } }
upstreams: []
services: []
#END
`;

describe("a whole file", () => {
  test("the example of the documentation", () => {
    const loaded = config(example);
    expect(loaded).toMatchObject({
      listen: [{ host: "127.0.0.1", port: 9080, key: "listen[0]" }],
      admin: { host: "127.0.0.1", port: 9090, key: "admin" },
      registries: [
        {
          name: "eureka",
          type: "eureka",
          options: {
            servers: ["http://user:pass@127.0.0.1:8761/eureka/"],
            intervalMs: 30_000,
            weight: 100,
            timeouts: { connectMs: 2_000, sendMs: 2_000, readMs: 5_000 },
          },
        },
      ],
      waitMs: 1_000,
      drainMs: 5_000,
      accessLog: false,
    });
    expect(loaded.routes.map(({ id }) => id)).toEqual(["user", "a"]);
    expect(loaded.written.discovery["eureka"]).toMatchObject({
      host: ["http://***@127.0.0.1:8761"],
    });
  });

  test("the least there can be", () => {
    const loaded = config("listen: [{ port: 1 }]\nroutes: []\n");
    expect(loaded).toMatchObject({ registries: [], routes: [] });
    expect(loaded.admin).toBeUndefined();
    expect(loaded.snapshotDir).toMatch(/rollcall-gateway/);
  });

  test.each([
    ["admin:", { host: "127.0.0.1", port: 9090 }],
    ["admin: {}", { host: "127.0.0.1", port: 9090 }],
    ["admin: { port: 1 }", { host: "127.0.0.1", port: 1 }],
    ['admin: { host: "[::1]", port: 1 }', { host: "::1", port: 1 }],
  ])("%s", (text, admin) => {
    expect(config(`${head}${text}\nroutes: []\n`).admin).toMatchObject(admin);
  });

  test.each([
    ["off", undefined],
    ["false", undefined],
    ["/var/lib/x", "/var/lib/x"],
  ])("snapshot_dir: %s", (text, directory) => {
    expect(config(`${head}snapshot_dir: ${text}\nroutes: []\n`).snapshotDir).toBe(directory);
  });

  test("relative paths start at the file, not at the working directory", () => {
    const directory = testDirectory();
    const configFile = join(directory, "c.yaml");
    writeFileSync(configFile, `${head}snapshot_dir: state\nroutes: []\n`);
    expect(loadConfig({ configFile }).config?.snapshotDir).toBe(join(directory, "state"));
  });

  test("lists of both files are joined; ids are made where there are none", () => {
    const loaded = config(`${head}routes: [{ uri: /a, upstream_id: 7 }]\n`, {
      routes: `routes: [{ uri: /b, upstream: { service_name: B } }]
upstreams: [{ id: "7", service_name: SEVEN }]
consumers: []
#END
`,
    });
    expect(loaded.routes.map(({ id, uris }) => [id, uris])).toEqual([
      ["arr_1", ["/a"]],
      ["arr_2", ["/b"]],
    ]);
    expect(loaded.routes[0]!.upstream.source).toMatchObject({ service: "SEVEN" });
  });

  test("objects exported from APISIX's Admin API carry its defaults", () => {
    const exported = {
      routes: [
        {
          id: "1",
          uri: "/a/*",
          name: "a",
          priority: 0,
          status: 1,
          create_time: 1_700_000_000,
          update_time: 1_700_000_000,
          enable_websocket: false,
          plugins: {
            "proxy-rewrite": { regex_uri: ["^/a/(.*)", "/$1"], use_real_request_uri_unsafe: false },
          },
          upstream: {
            service_name: "A",
            discovery_type: "eureka",
            type: "roundrobin",
            hash_on: "vars",
            scheme: "http",
            pass_host: "pass",
          },
        },
      ],
    };
    const loaded = loadText(head, { routes: JSON.stringify(exported) });
    expect(loaded.lines).toEqual([]);
    expect(loaded.config?.routes).toHaveLength(1);
  });

  test("a route that is switched off is checked and left out", () => {
    const text = `${head}routes: [{ id: x, uri: /a, status: 0, upstream: { nodes: {} } }]\n`;
    expect(config(text).routes).toEqual([]);
    expect(config(text).written.routes).toHaveLength(1);
  });

  test("merge keys and anchors work", () => {
    const loaded = config(`${head}
routes:
  - &base { id: one, uri: /one, upstream: { service_name: A } }
  - { <<: *base, id: two, uri: /two }
`);
    expect(loaded.routes.map(({ id }) => id)).toEqual(["one", "two"]);
  });

  test("several registries of one kind have names of their own", () => {
    const loaded = config(`listen: [{ port: 1 }]
discovery:
  eu: { type: eureka, host: ["http://a:1/", "https://b"], prefix: /x }
  us: { type: eureka, host: ["http://c:p@w@h"], username: u, password: p }
routes: [{ uri: /a, upstream: { service_name: A, discovery_type: us } }]
`);
    expect(loaded.registries).toMatchObject([
      { name: "eu", options: { servers: ["http://a:1/x/", "https://b/x/"], intervalMs: 30_000 } },
      {
        name: "us",
        options: { servers: ["http://c:p@w@h/eureka/"], username: "u", password: "p" },
      },
    ]);
  });

  test("etcd and Consul are given what their packages take", () => {
    const loaded = config(`listen: [{ port: 1 }]
discovery:
  etcd: { host: ["http://a:2379"], prefix: /p/, codec: kratos, user: u, password: p, timeout: { read: 7 } }
  consul:
    servers: ["http://a:8500", "unix:///run/consul.sock"]
    token: t
    weight: 2.5
    keepalive: false
    fetch_interval: 4
    timeout: { connect: 1, read: 2, wait: 3 }
    sort_type: host_sort
    skip_services: [x]
    default_service: { host: h, port: 1, metadata: { weight: 5, fail_timeout: 1, max_fails: 1 } }
    dump: { path: /var/lib/x/consul.dump, expire: 60 }
routes: []
`);
    expect(loaded.registries).toMatchObject([
      {
        name: "etcd",
        type: "etcd",
        options: {
          hosts: ["http://a:2379"],
          prefix: "/p/",
          codec: "kratos",
          username: "u",
          password: "p",
          timeouts: { connectMs: 2_000, requestMs: 7 },
        },
      },
      {
        name: "consul",
        type: "consul",
        options: {
          servers: ["http://a:8500", "unix:///run/consul.sock"],
          token: "t",
          weight: 2.5,
          blocking: false,
          intervalMs: 4_000,
          timeouts: { connectMs: 1, readMs: 2, waitMs: 3_000 },
          sort: "host_sort",
          skipServices: ["x"],
          defaultService: { host: "h", port: 1, weight: 5 },
        },
        snapshots: { directory: "/var/lib/x", maxAgeMs: 60_000 },
      },
    ]);
  });

  test("PEM files are read, PEM text is taken as it is", () => {
    const directory = testDirectory();
    writeFileSync(join(directory, "ca.pem"), "-----BEGIN CERTIFICATE-----\nA\n");
    const configFile = join(directory, "c.yaml");
    writeFileSync(
      configFile,
      `listen: [{ port: 1 }]
routes: []
discovery:
  eureka:
    host: [https://a]
    tls: { ca: ca.pem, verify: false, server_name: b, cert: "-----BEGIN C", key: "-----BEGIN K" }
`,
    );
    expect(loadConfig({ configFile }).config?.registries[0]?.options.tls).toEqual({
      ca: "-----BEGIN CERTIFICATE-----\nA\n",
      cert: "-----BEGIN C",
      key: "-----BEGIN K",
      serverName: "b",
      verify: false,
    });
  });
});

describe("upstreams", () => {
  test("defaults", () => {
    expect(upstream("{ service_name: A }")).toEqual({
      key: "route:r",
      source: { kind: "service", registry: "eureka", service: "A" },
      type: "roundrobin",
      balancing: {},
      secure: false,
      host: "pass",
      timeouts: { connectMs: 60_000, sendMs: 60_000, readMs: 60_000 },
      retries: undefined,
      retryTimeoutMs: 0,
    });
  });

  test("everything set", () => {
    const text = `{ service_name: A, discovery_type: eureka, type: roundrobin, scheme: https, pass_host: rewrite,
      upstream_host: "a.example:8443", retries: 0, retry_timeout: 1.5, timeout: { connect: 0.5, send: 1, read: 2 } }`;
    expect(upstream(text)).toMatchObject({
      secure: true,
      host: { value: "a.example:8443" },
      timeouts: { connectMs: 500, sendMs: 1_000, readMs: 2_000 },
      retries: 0,
      retryTimeoutMs: 1_500,
    });
  });

  test.each([
    [
      '{ "10.0.0.1:8080": 3, "h": 0 }',
      [
        ["10.0.0.1", 8080, 3],
        ["h", 80, 0],
      ],
    ],
    [
      '{ "[::1]:81": 1, "::1": 2 }',
      [
        ["::1", 81, 1],
        ["::1", 80, 2],
      ],
    ],
    [
      "[{ host: a, weight: 1 }, { host: b, port: 2, weight: 3, priority: -1 }]",
      [
        ["a", 80, 1],
        ["b", 2, 3],
      ],
    ],
    ['[{ host: "[::1]", port: 1, weight: 1 }]', [["::1", 1, 1]]],
    ["{}", []],
    ["[]", []],
  ])("nodes: %s", (text, nodes) => {
    const { source } = upstream(`{ nodes: ${text} }`);
    if (source.kind !== "fixed") throw new Error("not fixed");
    expect(source.nodes.map(({ host, port, weight }) => [host, port, weight])).toEqual(nodes);
  });

  test("a node without a port has the scheme's", () => {
    expect(upstream("{ scheme: https, nodes: { h: 1 } }").source).toMatchObject({
      nodes: [{ host: "h", port: 443, secure: true }],
    });
  });

  test("service_name goes before nodes, with a warning", () => {
    const loaded = loadText(
      `${head}routes: [{ uri: /a, upstream: { service_name: A, nodes: { "h:1": 1 } } }]\n`,
    );
    expect(loaded.config?.routes[0]?.upstream.source).toMatchObject({ kind: "service" });
    expect(loaded.lines).toEqual([
      'c.yaml:3:50: routes[0].upstream.nodes is not used: the registry\'s nodes of service_name "A" replace it',
    ]);
  });

  test("a uri with an escape or a query is warned of: it fits other paths than it looks", () => {
    const { lines, config: loaded } = loadText(
      `${head}routes: [{ uris: [/ok, /a%20b, "/a?b"], upstream: { nodes: {} } }]\n`,
    );
    expect(loaded).toBeDefined();
    expect(lines).toEqual([
      "c.yaml:3:24: routes[0].uris[1] holds %20, but routes see the decoded path, without the query",
      "c.yaml:3:32: routes[0].uris[2] holds ?, but routes see the decoded path, without the query",
    ]);
  });

  test.each([
    ["http://a:1/eureka/", ""],
    ["http://a:1/x/eureka", "prefix: /eureka/,"],
  ])("a registry's path given twice is warned of: %s %s", (host, more) => {
    const { lines, config: loaded } = loadText(
      `listen: [{ port: 1 }]\nroutes: []\ndiscovery: { eureka: { ${more} host: [${host}] } }\n`,
    );
    expect(loaded).toBeDefined();
    expect(lines).toHaveLength(1);
    expect(lines[0]).toMatch(
      /discovery\.eureka\.host\[0\] ends in \/eureka\/ already, and prefix adds it once more; leave it out here$/,
    );
  });

  test.each(["host: [http://a:1/eureka/], prefix: /", "host: [http://eureka]", "host: [http://a]"])(
    "one path is right: %s",
    (text) => {
      const { lines } = loadText(
        `listen: [{ port: 1 }]\nroutes: []\ndiscovery: { eureka: { ${text} } }\n`,
      );
      expect(lines).toEqual([]);
    },
  );

  test("what is set and not used is warned of", () => {
    const { lines, config: loaded } = loadText(`${head}admin: { host: 0.0.0.0 }
routes:
  - uri: /a
    upstream_id: u
    upstream: { nodes: {}, upstream_host: h }
    plugins: { proxy-rewrite: { uri: /x, regex_uri: [a, b] } }
upstreams: [{ id: u, nodes: {} }]
`);
    expect(loaded).toBeDefined();
    expect(lines).toEqual([
      "c.yaml:3:16: admin.host 0.0.0.0 can be reached from other machines; the admin listener has no access control",
      "c.yaml:7:5: routes[0].upstream is not used: upstream_id goes before it",
      "c.yaml:7:28: routes[0].upstream.upstream_host is not used: it needs pass_host: rewrite",
      "c.yaml:8:42: routes[0].plugins.proxy-rewrite.regex_uri is not used: uri goes before it",
    ]);
  });
});

describe("routes and services merge as in APISIX", () => {
  const services = `services:
  - { id: own, upstream: { nodes: { "own:1": 1 } }, hosts: [s.example], plugins: { proxy-rewrite: { uri: /service } } }
  - { id: named, upstream_id: u }
  - { id: plain, plugins: { proxy-rewrite: { uri: /service } } }
upstreams: [{ id: u, nodes: { "named:1": 1 } }, { id: v, nodes: { "other:1": 1 } }]
`;
  const cases: [route: string, key: string, host: string][] = [
    ["service_id: own", "service:own", "own"],
    ["service_id: named", "upstream:u", "named"],
    ["service_id: own, upstream_id: v", "upstream:v", "other"],
    ["service_id: named, upstream: { nodes: { 'inline:1': 1 } }", "route:r", "inline"],
    ["service_id: plain, upstream_id: u", "upstream:u", "named"],
  ];
  test.each(cases)("%s", (text, key, host) => {
    const loaded = config(`${head}routes: [{ id: r, uri: /a, ${text} }]\n${services}`);
    expect(loaded.routes[0]!.upstream).toMatchObject({ key, source: { nodes: [{ host }] } });
  });

  test("hosts and plugins come from the service unless the route has its own", () => {
    const loaded = config(`${head}routes:
  - { uri: /a, service_id: own }
  - { uri: /b, service_id: own, host: R.example, plugins: { proxy-rewrite: { uri: /route } } }
${services}`);
    expect(loaded.routes.map(({ hosts, rewrite }) => [hosts, rewrite?.uri])).toEqual([
      [["s.example"], "/service"],
      [["r.example"], "/route"],
    ]);
  });

  test("a route's timeout goes before the upstream's, part by part", () => {
    const loaded = config(`${head}routes: [{ uri: /a, upstream_id: u, timeout: { read: 3 } }]
upstreams: [{ id: u, nodes: {}, timeout: { connect: 1, send: 2, read: 9 } }]
`);
    expect(loaded.routes[0]!.upstream.timeouts).toEqual({
      connectMs: 1_000,
      sendMs: 2_000,
      readMs: 3_000,
    });
  });
});

describe("environment variables", () => {
  const environment = { PORT: "9123", NAME: "A-SERVICE", ON: "true", SECRET: "12345", EMPTY: "" };
  test("become numbers, booleans, texts and keys", () => {
    const loaded = config(
      `listen: [{ port: "\${{PORT}}" }, { port: "\${{ OTHER := 9124 }}", host: "\${{HOST:=127.0.0.1}}" }]
access_log: \${{ON}}
workers: \${{WORKERS:=3}}
discovery: { eureka: { host: ["http://h:\${{PORT}}"], username: u, password: "\${{SECRET}}" } }
routes: [{ id: "r-\${{PORT}}", uri: /a, upstream: { service_name: "\${{NAME}}" } }, { uri: /b, upstream: { nodes: { "h:\${{PORT}}": 1 } } }]
`,
      { environment },
    );
    expect(loaded.listen.map(({ port }) => port)).toEqual([9123, 9124]);
    expect(loaded.accessLog).toBe(true);
    expect(loaded.workers).toBe(3);
    expect(loaded.registries[0]).toMatchObject({
      options: { servers: ["http://h:9123/eureka/"], password: "12345" },
    });
    expect(loaded.routes.map(({ id, upstream: { source } }) => [id, source])).toMatchObject([
      ["r-9123", { service: "A-SERVICE" }],
      ["arr_2", { nodes: [{ port: 9123 }] }],
    ]);
  });

  test("an empty default and an empty value are values", () => {
    const { lines } = loadText(
      `${head}routes: []\nsnapshot_dir: "\${{NONE:=}}"\naccess_log: "\${{EMPTY}}"\n`,
      { environment },
    );
    expect(lines).toHaveLength(2);
    expect(lines.join()).not.toContain("is not set");
  });

  test("a key that becomes another's twin is a duplicate", () => {
    const { lines } = loadText(
      `${head}routes: [{ uri: /a, upstream: { nodes: { "9123": 1, "\${{PORT}}": 2 } } }]\n`,
      { environment },
    );
    expect(lines).toEqual(["c.yaml:3:53: this key is there twice"]);
  });
});

test("the JSON Schema names every key", () => {
  const schema = JSON.stringify(configJsonSchema());
  for (const key of ["listen", "fetch_interval", "regex_uri", "upstream_host", "snapshot_dir"]) {
    expect(schema).toContain(`"${key}"`);
  }
  expect(configJsonSchema()).toMatchObject({
    $schema: "https://json-schema.org/draft/2020-12/schema",
    type: "object",
    required: ["listen"],
    additionalProperties: false,
  });
});

test("discovery_args are the scope keys of each kind of registry", () => {
  const options = {
    eureka: { servers: "http://127.0.0.1:8761/eureka/" },
    etcd: { hosts: "http://127.0.0.1:2379" },
    consul: { servers: "http://127.0.0.1:8500" },
    zookeeper: { servers: "127.0.0.1:2181" },
    nacos: { servers: "http://127.0.0.1:8848" },
  };
  for (const [type, kind] of Object.entries(registryKinds)) {
    const name = type as keyof typeof options;
    const make = registryFactories[name] as (given: object) => Registry;
    const { scope } = make({ ...options[name], name }).traits;
    expect([...scope].sort()).toEqual(Object.keys(kind.args).sort());
  }
});

test("discovery_args say where a service is meant", () => {
  const nacos = 'discovery: { nacos: { host: ["http://127.0.0.1:8848"] } }\n';
  const { source } = config(
    `listen: [{ port: 0 }]\n${nacos}routes: [{ uri: /a, upstream: { service_name: A, discovery_args: { group_name: BLUE, clusters: [a, b] } } }]\n`,
  ).routes[0]!.upstream;
  expect(source).toEqual({
    kind: "service",
    registry: "nacos",
    service: "A",
    scope: { group_name: "BLUE", clusters: "a,b" },
  });
  expect(upstream("{ service_name: A, discovery_args: {} }").source).toEqual({
    kind: "service",
    registry: "eureka",
    service: "A",
  });
});

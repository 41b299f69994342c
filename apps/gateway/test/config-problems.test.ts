import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { describe, expect, test } from "vitest";

import { loadConfig } from "../src/index.ts";
import { loadText, testDirectory } from "./config-file.ts";

const head = `listen: [{ port: 9080 }]
discovery: { eureka: { host: ["http://127.0.0.1:8761"] } }
`;
const service = "upstream: { service_name: A }";

/** One wrong thing each, and all that is said about it. */
const cases: [what: string, text: string, ...lines: string[]][] = [
  ["an empty file", "", "c.yaml: is empty"],
  ["only a comment", "# nothing\n#END\n", "c.yaml: is empty"],
  ["only null", "~\n", "c.yaml: is empty"],
  [
    "a variable that YAML cuts short",
    'listen: [{ host: "::1", port: ${{PORT}} }]\nroutes: []\n',
    'c.yaml:1:31: inside { } and [ ], quote what holds ${{…}}: { port: "${{PORT}}" }',
  ],
  [
    "a merge key of something else than a map",
    `${head}routes: [{ <<: 5, uri: /a, ${service} }]\n`,
    "c.yaml: is not valid YAML: Merge sources must be maps or map aliases",
  ],
  [
    "a host to listen on that is none",
    'listen: [{ host: "http://a", port: 1 }, { host: "[::1]", port: 1 }]\nroutes: []\n',
    'c.yaml:1:18: listen[0].host must be an IP address or a host name, got "http://a"',
  ],
  [
    "several things in a registry",
    "listen: [{ port: 1 }]\ndiscovery: { eureka: { host: [5], password: p, tls: { ca: none.pem, verify: 1 } } }\nroutes: []\n",
    "c.yaml:2:31: discovery.eureka.host[0] must be a URL such as http://127.0.0.1:8761, got 5",
    "c.yaml:2:45: discovery.eureka.username is missing; password needs it",
    "c.yaml:2:59: discovery.eureka.tls.ca: the file cannot be read (ENOENT)",
    "c.yaml:2:77: discovery.eureka.tls.verify must be true or false, got 1",
  ],
  ["a list", "- 1\n", "c.yaml:1:1: must be a map of keys such as listen: and routes:"],
  ["text", "hello\n", "c.yaml:1:1: must be a map of keys such as listen: and routes:"],
  [
    "no listen",
    "routes: []\n",
    "c.yaml:1:1: listen is missing; it must be a list such as [{ host: 127.0.0.1, port: 9080 }]",
  ],
  ["no routes", head, "c.yaml:1:1: routes is missing; add routes: or give a file with --routes"],
  ["a key twice", `${head}routes: []\nroutes: []\n`, 'c.yaml:4:1: the key "routes" is there twice'],
  [
    "broken YAML",
    `${head}routes: [\n`,
    "c.yaml:4:1: is not valid YAML: Flow sequence in block collection must be sufficiently indented and end with a ]",
  ],
  [
    "an unknown alias",
    `${head}routes: *nope\n`,
    "c.yaml: is not valid YAML: Unresolved alias (the anchor must be set before the alias): nope",
  ],
  [
    "an unknown tag",
    `${head}routes: !!js/function x\n`,
    "c.yaml:3:9: is not valid YAML: Unresolved tag: tag:yaml.org,2002:js/function",
  ],
  [
    "two documents",
    `${head}routes: []\n---\nlisten: []\n`,
    "c.yaml:4:1: holds a second document after ---; keep one",
  ],
  [
    "a misspelt key",
    `${head}route: []\nroutes: []\n`,
    'c.yaml:3:1: route is not a known key; did you mean "routes"?',
  ],
  [
    "an unknown key",
    `${head}colour: blue\nroutes: []\n`,
    "c.yaml:3:1: colour is not a known key; known here: listen, admin, discovery, routes, upstreams, services, ssls, node_tls, wait_ms, drain_timeout, snapshot_dir, access_log, limits, trusted_proxies, trusted_fields, retry_methods, half_close, workers, node_addresses",
  ],
  [
    "a misspelt route key",
    `${head}routes: [{ ur: /a, ${service} }]\n`,
    "c.yaml:3:10: routes[0] needs a uri or uris",
    'c.yaml:3:12: routes[0].ur is not a known key; did you mean "uri"?',
  ],
  [
    "a hostile key",
    `${head}__proto__: { x: 1 }\nroutes: []\n`,
    "c.yaml:3:1: __proto__ is not a known key; known here: listen, admin, discovery, routes, upstreams, services, ssls, node_tls, wait_ms, drain_timeout, snapshot_dir, access_log, limits, trusted_proxies, trusted_fields, retry_methods, half_close, workers, node_addresses",
  ],
  [
    "what APISIX has in the file",
    `${head}routes: []\nglobal_rules: [{ id: 1 }]\nwasm: 2\n`,
    "c.yaml:4:1: global_rules is not supported in this version",
    "c.yaml:5:1: wasm is not supported in this version",
  ],
  [
    "what APISIX has in a route",
    `${head}routes: [{ uri: /a, vars: [], remote_addr: 10.0.0.1, enable_websocket: 1, ${service} }]\n`,
    "c.yaml:3:21: routes[0].vars is not supported in this version",
    "c.yaml:3:31: routes[0].remote_addr is not supported in this version",
    "c.yaml:3:72: routes[0].enable_websocket must be true or false, got 1",
  ],
  [
    "what APISIX has in an upstream",
    `${head}routes: [{ uri: /a, upstream: { service_name: A, type: chash, key: x, checks: { active: { http_req_body: x } }, scheme: grpc } }]\n`,
    "c.yaml:3:91: routes[0].upstream.checks.active.http_req_body is not supported in this version",
    'c.yaml:3:121: routes[0].upstream.scheme must be http or https; grpc is not supported in this version, got "grpc"',
  ],
  [
    "chash without a key",
    `${head}routes: [{ uri: /a, upstream: { service_name: A, type: chash, hash_on: consumer } }]\n`,
    "c.yaml:3:56: routes[0].upstream.key is missing; chash needs what to hash by, such as key: remote_addr",
    'c.yaml:3:72: routes[0].upstream.hash_on must be vars or header or cookie or vars_combinations; consumer is not supported in this version, got "consumer"',
  ],
  [
    "a plugin",
    `${head}routes: [{ uri: /a, plugins: { limit-count: {} }, ${service} }]\n`,
    "c.yaml:3:32: the plugin routes[0].plugins.limit-count is not supported in this version (supported: proxy-rewrite)",
  ],
  [
    "a misspelt plugin",
    `${head}routes: [{ uri: /a, plugins: { proxy_rewrite: {} }, ${service} }]\n`,
    'c.yaml:3:32: routes[0].plugins.proxy_rewrite is not a known key; did you mean "proxy-rewrite"?',
  ],
  [
    "another kind of registry",
    "listen: [{ port: 9080 }]\ndiscovery: { dns: { servers: [a] } }\nroutes: []\n",
    "c.yaml:2:14: discovery.dns: the registry type dns is not supported in this version (supported: eureka, etcd, consul, zookeeper, nacos)",
  ],
  [
    "a type that is no word",
    "listen: [{ port: 9080 }]\ndiscovery: { eu: { type: 5 } }\nroutes: []\n",
    "c.yaml:2:26: discovery.eu.type must be one of eureka, etcd, consul, zookeeper, nacos, got 5",
  ],
  [
    "what etcd does not take",
    `listen: [{ port: 1 }]\ndiscovery: { etcd: { hosts: [a], codec: raw, user: u } }\nroutes: []\n`,
    'c.yaml:2:20: discovery.etcd.host is missing; it must be a list of URLs such as ["http://127.0.0.1:2379"]',
    'c.yaml:2:22: discovery.etcd.hosts is not a known key; did you mean "host"?',
    'c.yaml:2:41: discovery.etcd.codec must be rollcall or grpc or kratos or go-zero or kitex, got "raw"',
    "c.yaml:2:52: discovery.etcd.password is missing; user needs it",
  ],
  [
    "what Consul does not take",
    `listen: [{ port: 1 }]\ndiscovery: { consul: { servers: [a], sort_type: up, dump: {}, prefix: /x } }\nroutes: []\n`,
    'c.yaml:2:34: discovery.consul.servers[0] must be an address such as http://127.0.0.1:8500 or unix:///run/consul.sock, got "a"',
    'c.yaml:2:49: discovery.consul.sort_type must be origin or host_sort or port_sort or combine_sort, got "up"',
    "c.yaml:2:59: discovery.consul.dump.path is missing; it must be a path of 1 to 4096 characters on one line",
    "c.yaml:2:63: discovery.consul.prefix is not a known key; known here: type, servers, token, datacenter, namespace, partition, consistency, cached, filter, accept_warning, weight, keepalive, fetch_interval, timeout, sort_type, skip_services, default_service, dump, shared_size, tls",
  ],
  [
    "a misspelt type",
    'listen: [{ port: 9080 }]\ndiscovery: { eu: { type: eurek, host: ["http://a"] } }\nroutes: []\n',
    'c.yaml:2:20: discovery.eu.type is not a registry type; did you mean "eureka"?',
  ],
  [
    "a name without a type",
    'listen: [{ port: 9080 }]\ndiscovery: { eu: { host: ["http://a"] } }\nroutes: []\n',
    "c.yaml:2:14: discovery.eu.type is missing; say what kind of registry it is, such as type: eureka",
  ],
  [
    "discovery_args that the registry does not know, or cannot be",
    `${head.replace("} }", '}, nacos: { host: ["http://127.0.0.1:8848"] } }')}routes:
- { uri: /a, upstream: { service_name: A, discovery_type: nacos, discovery_args: { group: B, metadata: x, group_name: "a b", clusters: [], namespace_id: [n] } } }
- { uri: /b, upstream: { service_name: A, discovery_type: eureka, discovery_args: { group_name: B } } }
- { uri: /c, upstream: { nodes: { "127.0.0.1:1": 1 }, discovery_args: { group_name: B } } }
- { uri: /d, upstream: { service_name: A, discovery_type: nacos, discovery_args: B } }
`,
    'c.yaml:4:84: routes[0].upstream.discovery_args.group is not known; "nacos" takes namespace_id, group_name, clusters',
    'c.yaml:4:94: routes[0].upstream.discovery_args.metadata is not known; "nacos" takes namespace_id, group_name, clusters',
    "c.yaml:4:119: routes[0].upstream.discovery_args.group_name must be 1 to 128 letters, digits and _ - . :",
    "c.yaml:4:136: routes[0].upstream.discovery_args.clusters must be names of 1 to 64 letters, digits and -, with commas between them or as a list",
    "c.yaml:4:154: routes[0].upstream.discovery_args.namespace_id must be 1 to 64 letters, digits, _ and -",
    'c.yaml:5:85: routes[1].upstream.discovery_args.group_name is not known; "eureka" takes none',
    "c.yaml:6:71: routes[2].upstream.discovery_args needs a service_name beside it",
    'c.yaml:7:82: routes[3].upstream.discovery_args must be a map such as group_name: BLUE, got "B"',
  ],
  [
    "a discovery_type that is not configured",
    `${head}routes: [{ uri: /a, upstream: { service_name: A, discovery_type: nacos } }]\n`,
    'c.yaml:3:66: routes[0].upstream.discovery_type "nacos" is not configured under discovery; configured: eureka',
  ],
  [
    "a service_name without a registry",
    `listen: [{ port: 9080 }]\nroutes: [{ uri: /a, ${service} }]\n`,
    "c.yaml:2:31: routes[0].upstream.discovery_type is missing; no registry is configured; add one under discovery:",
  ],
  [
    "no discovery_type where there are two",
    `listen: [{ port: 9080 }]\ndiscovery: { eureka: { host: ["http://a"] }, eu: { type: eureka, host: ["http://b"] } }\nroutes: [{ uri: /a, ${service} }]\n`,
    "c.yaml:3:31: routes[0].upstream.discovery_type is missing; say which registry is meant: eureka, eu",
  ],
  [
    "the same id twice",
    `${head}routes: [{ id: a, uri: /a, ${service} }, { id: a, uri: /b, ${service} }]\n`,
    'c.yaml:3:67: routes[1].id: the id "a" is taken by routes[0] (c.yaml:3)',
  ],
  [
    "an id as number and as text",
    `${head}routes: []\nupstreams: [{ id: 1, nodes: {} }, { id: "1", nodes: {} }]\n`,
    'c.yaml:4:41: upstreams[1].id: the id "1" is taken by upstreams[0] (c.yaml:4)',
  ],
  [
    "unknown references",
    `${head}routes: [{ uri: /a, upstream_id: user }, { uri: /b, service_id: s }]\nupstreams: [{ id: users, nodes: {} }]\n`,
    'c.yaml:3:34: routes[0].upstream_id: there is no "user" in upstreams; did you mean "users"?',
    'c.yaml:3:65: routes[1].service_id: there is no "s" in services',
  ],
  [
    "no upstream",
    `${head}routes: [{ uri: /a }]\n`,
    "c.yaml:3:10: routes[0] has no upstream; add upstream, upstream_id or a service_id whose service has one",
  ],
  [
    "an upstream of nothing",
    `${head}routes: [{ uri: /a, upstream: { type: roundrobin } }]\n`,
    "c.yaml:3:31: routes[0].upstream needs a service_name or nodes",
  ],
  [
    "an odd regex_uri",
    `${head}routes: [{ uri: /a, plugins: { proxy-rewrite: { regex_uri: ["^/a"] } }, ${service} }]\n`,
    "c.yaml:3:60: routes[0].plugins.proxy-rewrite.regex_uri must hold an even number of texts (pattern, replacement), got 1",
  ],
  [
    "a bad regex_uri",
    `${head}routes: [{ uri: /a, plugins: { proxy-rewrite: { regex_uri: ["^/a(", "/"] } }, ${service} }]\n`,
    "c.yaml:3:61: routes[0].plugins.proxy-rewrite.regex_uri[0] is not a regular expression that can be used: error parsing regexp: missing closing ): `^/a(`",
  ],
  [
    "an empty proxy-rewrite",
    `${head}routes: [{ uri: /a, plugins: { proxy-rewrite: {} }, ${service} }]\n`,
    "c.yaml:3:47: routes[0].plugins.proxy-rewrite does nothing; give it uri, regex_uri or host",
  ],
  [
    "what proxy-rewrite does not do yet",
    `${head}routes: [{ uri: /a, plugins: { proxy-rewrite: { uri: /$1, headers: {} } }, ${service} }]\n`,
    'c.yaml:3:54: routes[0].plugins.proxy-rewrite.uri must not hold spaces, # or $variables, got "/$1"',
    "c.yaml:3:59: routes[0].plugins.proxy-rewrite.headers is not supported in this version",
  ],
  [
    "wrong ports",
    'listen: [{ port: 65536 }, { port: "80" }, { port: 1.5 }, { host: a }]\nadmin: { port: -1 }\nroutes: []\n',
    "c.yaml:1:18: listen[0].port must be a whole number from 0 to 65535, got 65536",
    'c.yaml:1:35: listen[1].port must be a whole number from 0 to 65535, got "80"',
    "c.yaml:1:51: listen[2].port must be a whole number from 0 to 65535, got 1.5",
    "c.yaml:1:58: listen[3].port is missing; it must be a whole number from 0 to 65535",
    "c.yaml:2:16: admin.port must be a whole number from 0 to 65535, got -1",
  ],
  [
    "one address twice",
    "listen: [{ port: 9080 }, { host: 127.0.0.1, port: 9080 }]\nadmin: { port: 9080 }\nroutes: []\n",
    "c.yaml:1:26: listen[1] is 127.0.0.1 port 9080, as listen[0] is already",
    "c.yaml:2:8: admin is 127.0.0.1 port 9080, as listen[1] is already",
  ],
  [
    "wrong nodes",
    `${head}routes: [{ uri: /a, upstream: { nodes: { "a:0": 1, "b:65536": 1, "c:x": 1, "1.2.3": 1, "d": -1 } } }]\n`,
    "c.yaml:3:42: routes[0].upstream.nodes.a:0 is not a node: port must be an integer from 1 to 65535, got 0",
    "c.yaml:3:52: routes[0].upstream.nodes.b:65536 is not a node: port must be an integer from 1 to 65535, got 65536",
    "c.yaml:3:66: routes[0].upstream.nodes.c:x is not a node: port must be an integer from 1 to 65535, got NaN",
    'c.yaml:3:76: routes[0].upstream.nodes.1.2.3 is not a node: host must be an IPv4 address, an IPv6 address without brackets, or a DNS name, got "1.2.3"',
    "c.yaml:3:93: routes[0].upstream.nodes.d must be a whole number from 0 to 1000000000, got -1",
  ],
  [
    "a node twice",
    `${head}routes: [{ uri: /a, upstream: { nodes: [{ host: a, port: 1, weight: 1 }, { host: a, port: 1, weight: 2 }] } }]\n`,
    "c.yaml:3:74: routes[0].upstream.nodes[1] names the node a:1 a second time",
  ],
  [
    "a node without a weight",
    `${head}routes: [{ uri: /a, upstream: { nodes: [{ host: a }] } }]\n`,
    "c.yaml:3:41: routes[0].upstream.nodes[0].weight is missing; it must be a whole number from 0 to 1000000000",
  ],
  [
    "a denied node",
    `${head}routes: [{ uri: /a, upstream: { nodes: { "169.254.169.254:80": 1 } } }]\n`,
    "c.yaml:3:42: routes[0].upstream.nodes.169.254.169.254:80 is an address that is denied; if it is meant, add it to node_addresses.allow",
  ],
  [
    "wrong paths",
    `${head}routes: [{ uri: a, ${service} }, { uris: [/*/a], ${service} }, { uri: /a/../b, ${service} }, { uri: /a//*, uris: [/b], ${service} }]\n`,
    'c.yaml:3:17: routes[0].uri must start with "/", got "a"',
    'c.yaml:3:62: routes[1].uris[0] may have one "*", and only at its end, got "/*/a"',
    'c.yaml:3:109: routes[2].uri can never match, because paths are normalised first: write it without "//", "/./" and "/../"',
    "c.yaml:3:171: routes[3] has both uri and uris; keep one of them",
  ],
  [
    "pass_host without a host",
    `${head}routes: [{ uri: /a, upstream: { service_name: A, pass_host: rewrite } }]\n`,
    "c.yaml:3:61: routes[0].upstream.upstream_host is missing; pass_host: rewrite needs it",
  ],
  [
    "wrong types",
    "listen: 9080\nadmin: yes\ndiscovery: []\nroutes: {}\nwait_ms: -1\naccess_log: 1\nsnapshot_dir: 5\nworkers: 129\n",
    "c.yaml:1:9: listen must be a list such as [{ host: 127.0.0.1, port: 9080 }], got 9080",
    'c.yaml:2:8: admin must be a map with host and port, got "yes"',
    "c.yaml:3:12: discovery must be a map of registries by name, got a list",
    "c.yaml:4:9: routes must be a list of routes, got a map",
    "c.yaml:5:10: wait_ms must be a whole number from 0 to 60000, got -1",
    "c.yaml:6:13: access_log must be true or false, got 1",
    "c.yaml:7:15: snapshot_dir must be the path of a directory, or off, got 5",
    "c.yaml:8:10: workers must be a whole number from 1 to 128, or auto, got 129",
  ],
  [
    "wrong registry settings",
    `listen: [{ port: 1 }]
routes: []
discovery:
  eureka:
    host: ["ftp://a", "http://", "http://a?b"]
    prefix: eureka
    fetch_interval: 0
    timeout: { connect: 0, send: 1.5, recv: 1 }
`,
    'c.yaml:5:12: discovery.eureka.host[0] must be a URL such as http://127.0.0.1:8761, without ? and #, got "ftp://a"',
    'c.yaml:5:23: discovery.eureka.host[1] must be a URL such as http://127.0.0.1:8761, without ? and #, got "http://"',
    'c.yaml:5:34: discovery.eureka.host[2] must be a URL such as http://127.0.0.1:8761, without ? and #, got "http://a?b"',
    'c.yaml:6:13: discovery.eureka.prefix must be a path starting with "/", such as /eureka/, got "eureka"',
    "c.yaml:7:21: discovery.eureka.fetch_interval must be a whole number from 1 to 86400, got 0",
    "c.yaml:8:25: discovery.eureka.timeout.connect must be a whole number from 1 to 3600000, got 0",
    "c.yaml:8:34: discovery.eureka.timeout.send must be a whole number from 1 to 3600000, got 1.5",
    'c.yaml:8:39: discovery.eureka.timeout.recv is not a known key; did you mean "read"?',
  ],
  [
    "TLS files that are not there",
    `listen: [{ port: 1 }]\nroutes: []\ndiscovery: { eureka: { host: ["https://a"], tls: { ca: nope.pem, cert: x } } }\n`,
    "c.yaml:3:50: discovery.eureka.tls needs cert and key together",
    "c.yaml:3:56: discovery.eureka.tls.ca: the file cannot be read (ENOENT)",
    "c.yaml:3:72: discovery.eureka.tls.cert: the file cannot be read (ENOENT)",
  ],
  [
    "an environment variable that is not set",
    `${head}routes: []\naccess_log: \${{LOG}}\n`,
    "c.yaml:4:13: the environment variable LOG is not set; set it or write ${{LOG:=default}}",
  ],
];

describe("each problem has one line that names the place, the value and the fix", () => {
  test.each(cases)("%s", (_what, text, ...lines) => {
    const loaded = loadText(text);
    expect(loaded.lines).toEqual(lines);
    expect(loaded.config).toBeUndefined();
  });
});

test("a missing file, a directory, and a file that is not UTF-8 text", () => {
  const directory = testDirectory();
  const configFile = join(directory, "none.yaml");
  expect(loadConfig({ configFile }).problems).toEqual([
    { file: configFile, message: "there is no such file" },
  ]);
  expect(loadConfig({ configFile: directory }).problems).toEqual([
    { file: directory, message: "is a directory, not a file" },
  ]);
  const latin1 = join(directory, "latin1.yaml");
  writeFileSync(latin1, Buffer.from(`${head}routes: [] # \xe9\n`, "latin1"));
  expect(loadConfig({ configFile: latin1 }).problems).toEqual([
    { file: latin1, message: "is not UTF-8 text" },
  ]);
});

test("an alias bomb is refused before it grows", () => {
  const levels = ["a: &a [x, x, x, x, x, x, x, x, x, x]"];
  for (let index = 0; index < 20; index++) {
    const name = String.fromCharCode(97 + index);
    const next = String.fromCharCode(98 + index);
    levels.push(`${next}: &${next} [${Array(10).fill(`*${name}`).join(", ")}]`);
  }
  expect(loadText(levels.join("\n")).lines).toEqual([
    "c.yaml: its aliases expand to too much (more than 100); write the values out",
  ]);
});

test("deep nesting is refused, not crashed on", () => {
  const { lines } = loadText(`routes: ${"[".repeat(100_000)}`);
  expect(lines.length).toBeGreaterThan(0);
  expect(lines.join().length).toBeLessThan(10_000);
});

test("secrets never show", () => {
  const { lines } = loadText(
    `listen: [{ port: 1 }]
routes: []
discovery:
  eureka: { host: ["htp://u:s3cret@a", "http://u:s3cret@a@?"], password: [s3cret], username: "\${{S}}" }
  eu: { host: "http://u:s3cret@a" }
access_log: "\${{S}}"
`,
    { environment: { S: "s3cret\u0000" } },
  );
  expect(lines.length).toBeGreaterThanOrEqual(5);
  expect(lines.join("\n")).not.toContain("s3cret");
});

test("problems of both files are told together", () => {
  const { lines } = loadText(`${head}routes: [{ id: a, uri: /a, ${service} }]\n`, {
    routes: `routes: [{ id: a, uri: /b, ${service} }]\nlisten: []\nconsumers: []\nglobal_rules: [{}]\n#END\n`,
  });
  expect(lines).toEqual([
    'apisix.yaml:1:16: routes[0].id: the id "a" is taken by routes[0] (c.yaml:3)',
    "apisix.yaml:2:1: listen is not a known key; known here: routes, upstreams, services, ssls",
    "apisix.yaml:4:1: global_rules is not supported in this version",
  ]);
});

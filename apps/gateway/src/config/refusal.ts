/**
 * What Apache APISIX knows and this version does not, by the kind of object it stands in.
 *
 * Such keys get their own message: they are not misspelt, and ignoring them would change what a route
 * does.
 */
export const unsupportedKeys: Readonly<Record<string, readonly string[]>> = {
  file: [
    "apisix",
    "config_provider",
    "consumer_groups",
    "consumers",
    "deployment",
    "ext-plugin",
    "global_rules",
    "graphql",
    "nginx_config",
    "plugin_attr",
    "plugin_configs",
    "plugin_metadata",
    "plugins",
    "protos",
    "secrets",
    "stream_plugins",
    "stream_routes",
    "wasm",
    "xrpc",
  ],
  listen: ["enable_http2", "enable_http3", "ip", "ssl"],
  route: [
    "filter_func",
    "plugin_config_id",
    "remote_addr",
    "remote_addrs",
    "script",
    "script_id",
    "vars",
  ],
  service: ["script"],
  upstream: ["keepalive_pool"],
  active: ["http_method", "http_req_body"],
  warm_up: ["startup_grace_period_seconds"],
  ssl: ["certs", "client", "gm", "keys", "ssl_protocols"],
  tls: ["client_cert_id"],
  rewrite: ["headers", "method"],
};

/** Kinds of registry that are planned, or known from APISIX, and not in this version. */
export const unsupportedRegistries: readonly string[] = [
  "consul_kv",
  "dns",
  "kubernetes",
  "polaris",
  "tars",
];

/** Upstream protocols of APISIX that are not in this version. */
export const unsupportedSchemes: readonly string[] = [
  "grpc",
  "grpcs",
  "kafka",
  "tcp",
  "tls",
  "udp",
];

/** The end of every such message. */
export const notInThisVersion = "not supported in this version";

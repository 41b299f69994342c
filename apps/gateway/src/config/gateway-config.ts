import type { NodeInput } from "@rollcall/core";

import type { Rewrite } from "../routing/rewrite.ts";

/** An address to listen on. */
export interface ListenConfig {
  /** IP address without brackets, or a host name. */
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Where it is set, for messages: `listen[0]`. */
  readonly key: string;
}

/** TLS towards a registry; PEM texts. */
export interface RegistryTls {
  readonly ca?: string | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly serverName?: string | undefined;
  readonly verify: boolean;
}

/** One registry of `discovery`. */
export interface RegistryConfig {
  readonly name: string;
  readonly type: "eureka";
  /** Full service URLs, prefix included; may hold credentials. */
  readonly servers: readonly string[];
  readonly intervalMs: number;
  readonly weight: number;
  readonly timeouts: {
    readonly connectMs: number;
    readonly sendMs: number;
    readonly readMs: number;
  };
  readonly username?: string | undefined;
  readonly password?: string | undefined;
  readonly tls?: RegistryTls | undefined;
}

/** Where the nodes of an upstream come from. */
export type NodeSource =
  | { readonly kind: "service"; readonly registry: string; readonly service: string }
  | { readonly kind: "fixed"; readonly nodes: readonly Omit<NodeInput, "service">[] };

/** An upstream with every reference followed and every default filled in. */
export interface UpstreamConfig {
  /** Whose upstream it is; its balancer state lives under this key across reloads. */
  readonly key: string;
  readonly source: NodeSource;
  readonly type: "roundrobin";
  readonly secure: boolean;
  readonly host: "pass" | "node" | { readonly value: string };
  readonly timeouts: {
    readonly connectMs: number;
    readonly sendMs: number;
    readonly readMs: number;
  };
  /** `undefined`: one try on each node. */
  readonly retries?: number | undefined;
  /** 0: no bound. */
  readonly retryTimeoutMs: number;
}

/** A route with its service merged in. */
export interface RouteConfig {
  readonly id: string;
  readonly uris: readonly string[];
  /** Lower case; empty: any host. */
  readonly hosts: readonly string[];
  /** Empty: any method. */
  readonly methods: readonly string[];
  readonly priority: number;
  readonly rewrite?: Rewrite | undefined;
  /** Sent as `Host`, whatever the upstream says. */
  readonly host?: string | undefined;
  readonly upstream: UpstreamConfig;
}

/** Objects as written, ids filled in: what `/v1/routes` and the like show. */
export interface WrittenObject {
  readonly id: string;
  readonly value: Readonly<Record<string, unknown>>;
}

/** A whole configuration, checked and resolved. */
export interface GatewayConfig {
  readonly listen: readonly ListenConfig[];
  readonly admin?: ListenConfig | undefined;
  readonly registries: readonly RegistryConfig[];
  /** Routes that are switched on. */
  readonly routes: readonly RouteConfig[];
  readonly waitMs: number;
  readonly drainMs: number;
  /** Absolute; `undefined`: nothing is kept on disk. */
  readonly snapshotDir?: string | undefined;
  readonly accessLog: boolean;
  readonly nodeAddresses: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly written: {
    readonly routes: readonly WrittenObject[];
    readonly upstreams: readonly WrittenObject[];
    readonly services: readonly WrittenObject[];
    /** `discovery` by name, secrets redacted. */
    readonly discovery: Readonly<Record<string, unknown>>;
  };
}

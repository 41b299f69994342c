import type { ActiveChecks } from "./active-checks.ts";
import type { BalancerOptions, BalancerType, HashSpec } from "@rollcall/balancer";
import type { ConsulOptions } from "@rollcall/consul";
import type { NodeInput, ServiceQuery } from "@rollcall/core";
import type { EtcdOptions } from "@rollcall/etcd";
import type { EurekaOptions } from "@rollcall/eureka";
import type { NacosOptions } from "@rollcall/nacos";
import type { ListenTls, NodeTls, ProxySettings } from "@rollcall/proxy";
import type { ZookeeperOptions } from "@rollcall/zookeeper";

import type { Rewrite } from "../routing/rewrite.ts";

/** An address to listen on. */
export interface ListenConfig {
  /** IP address without brackets, or a host name. */
  readonly host: string;
  /** 0 takes a free port. */
  readonly port: number;
  /** Where it is set, for messages: `listen[0]`. */
  readonly key: string;
  /** Holds private keys. */
  readonly tls?: ListenTls | undefined;
}

/** What the package of each kind of registry is given. */
export interface RegistryOptions {
  readonly eureka: EurekaOptions;
  readonly etcd: EtcdOptions;
  readonly consul: ConsulOptions;
  readonly zookeeper: ZookeeperOptions;
  readonly nacos: NacosOptions;
}

/** One registry of `discovery`. */
export type RegistryConfig = {
  readonly [Type in keyof RegistryOptions]: {
    readonly name: string;
    readonly type: Type;
    /** May hold credentials. */
    readonly options: RegistryOptions[Type];
    /** Where this one keeps last time's nodes, when not where the others do. */
    readonly snapshots?: SnapshotConfig | undefined;
  };
}[keyof RegistryOptions];

/** Last time's nodes on disk. */
export interface SnapshotConfig {
  /** Absolute. */
  readonly directory: string;
  /** Older ones are not shown. Default: whatever their age. */
  readonly maxAgeMs?: number | undefined;
}

/** Where the nodes of an upstream come from. */
export type NodeSource =
  | ({ readonly kind: "service"; readonly registry: string } & ServiceQuery)
  | { readonly kind: "fixed"; readonly nodes: readonly Omit<NodeInput, "service">[] };

/** An upstream with every reference followed and every default filled in. */
export interface UpstreamConfig {
  /** Whose upstream it is; its balancer state lives under this key across reloads. */
  readonly key: string;
  readonly source: NodeSource;
  readonly type: BalancerType;
  /** What stands around it: ejection, slow start, zones. */
  readonly balancing: BalancerOptions;
  /** How nodes are asked whether they are well; `undefined`: they are not. */
  readonly checks?: ActiveChecks | undefined;
  /** What requests are hashed by, with `chash`. */
  readonly hash?: HashSpec | undefined;
  readonly secure: boolean;
  /** How TLS is spoken to nodes that want it; may hold a private key. */
  readonly tls?: NodeTls | undefined;
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
  /** Whether clients may switch to WebSocket. */
  readonly websocket: boolean;
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

/** The files a configuration was read from, as they were then. */
export interface ConfigFiles {
  /** Path of the file given with `--config`. */
  readonly configFile: string;
  /** Path of the file given with `--routes`. */
  readonly routesFile?: string | undefined;
  /** Their text by path; may hold credentials. */
  readonly texts: Readonly<Record<string, string>>;
}

/** A whole configuration, checked and resolved. */
export interface GatewayConfig {
  readonly files: ConfigFiles;
  /** Processes that take requests; 1: this one alone. Only the command starts others. */
  readonly workers: number;
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
  /** Bounds and manners of the proxy engine; what is left out is as it has it. */
  readonly engine: ProxySettings;
  readonly nodeAddresses: { readonly allow: readonly string[]; readonly deny: readonly string[] };
  readonly written: {
    readonly routes: readonly WrittenObject[];
    readonly upstreams: readonly WrittenObject[];
    readonly services: readonly WrittenObject[];
    /** `discovery` by name, secrets redacted. */
    readonly discovery: Readonly<Record<string, unknown>>;
  };
}

import type { Path } from "../document.ts";
import type { RegistryConfig } from "../gateway-config.ts";

/** Keys of an entry of `discovery` for options of its package that are called otherwise there. */
const keys: Readonly<Record<RegistryConfig["type"], Readonly<Record<string, string>>>> = {
  eureka: { servers: "host", intervalMs: "fetch_interval" },
  etcd: {
    hosts: "host",
    username: "user",
    "timeouts.requestMs": "timeout.read",
  },
  consul: {
    acceptWarning: "accept_warning",
    blocking: "keepalive",
    intervalMs: "fetch_interval",
    sort: "sort_type",
    skipServices: "skip_services",
    defaultService: "default_service",
    "defaultService.weight": "default_service.metadata.weight",
  },
  zookeeper: {
    servers: "host",
    sessionTimeoutMs: "session_timeout",
    "timeouts.requestMs": "timeout.read",
  },
  nacos: {
    servers: "host",
    intervalMs: "fetch_interval",
    namespaceId: "namespace_id",
    groupName: "group_name",
    accessKey: "access_key",
    secretKey: "secret_key",
  },
};

const common: Readonly<Record<string, string>> = {
  "tls.serverName": "tls.server_name",
  "timeouts.connectMs": "timeout.connect",
  "timeouts.sendMs": "timeout.send",
  "timeouts.readMs": "timeout.read",
  "timeouts.waitMs": "timeout.wait",
};

/** What is wrong with an entry of `discovery`, in its own words. */
export interface EntryFault {
  /** Within the entry; empty when none of its keys is named. */
  readonly path: Path;
  /** What follows the path in a message: `must be …`. */
  readonly fault: string;
}

/** Turns a package's word on its options, `hosts[0] must be …`, into one on the entry. */
export function entryFault(type: RegistryConfig["type"], reason: string): EntryFault {
  const named = /^([a-zA-Z]+(?:\.[a-zA-Z]+)*)((?:\[\d{1,9}\])?) ([^]+)$/.exec(reason);
  if (named === null) return { path: [], fault: reason };
  const [, option = "", index = "", fault = ""] = named;
  const key = keyOf({ ...common, ...keys[type] }, option);
  return {
    path: [...key.split("."), ...(index === "" ? [] : [Number(index.slice(1, -1))])],
    fault,
  };
}

/** The longest part of the option's name that has a key of another name decides. */
function keyOf(known: Readonly<Record<string, string>>, option: string): string {
  const parts = option.split(".");
  for (let length = parts.length; length > 0; length -= 1) {
    const key = known[parts.slice(0, length).join(".")];
    if (key !== undefined) return [key, ...parts.slice(length)].join(".");
  }
  return option;
}

/** One server of an ensemble. */
export interface Server {
  /** Without brackets when it is an IPv6 address. */
  readonly host: string;
  readonly port: number;
}

/** Servers, and the part of the tree that is ours. */
export interface ServerList {
  readonly servers: readonly Server[];
  /** Starts with `/`; empty for the whole tree. */
  readonly chroot: string;
}

const defaultPort = 2181;

/**
 * Reads a connect string as ZooKeeper's own clients do: `host:2181,[::1]:2182/chroot`. The port may be left out.
 *
 * @throws RangeError saying what is wrong with which part.
 */
export function parseServerList(text: string): ServerList {
  const slash = text.indexOf("/");
  const chroot = slash === -1 ? "" : text.slice(slash).replace(/\/+$/, "");
  const servers = (slash === -1 ? text : text.slice(0, slash)).split(",").map(parseServer);
  return { servers, chroot };
}

/** `host:port`, with brackets where they are needed. */
export function serverName({ host, port }: Server): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

function parseServer(text: string): Server {
  const match = /^(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([\w.-]+))(?::(\d{1,5}))?$/.exec(text.trim());
  const port = Number(match?.[3] ?? defaultPort);
  if (match === null || port < 1 || port > 65_535) {
    const shown = JSON.stringify(text.slice(0, 80));
    throw new RangeError(`must be host:port, such as 127.0.0.1:2181 or [::1]:2181, got ${shown}`);
  }
  return { host: match[1] ?? match[2] ?? "", port };
}

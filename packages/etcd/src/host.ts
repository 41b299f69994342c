import { isIPv6 } from "node:net";

/** Where one member listens for clients. */
export interface Host {
  /** `http://127.0.0.1:2379`, without a path. */
  readonly url: string;
  /** An address (IPv6 without brackets) or a DNS name. */
  readonly hostname: string;
  readonly port: number;
  readonly secure: boolean;
}

/** Why a text is no host: completes "hosts[0] …". Never holds the text itself, which may hold a password. */
export class HostError extends Error {
  override readonly name = "HostError";
}

const defaultPort = 2_379;

/**
 * Reads `http://host:2379`, `https://host:2379` or `host:2379`.
 *
 * @param secure  Whether a text without a scheme means TLS.
 * @throws {@link HostError}
 */
export function parseHost(text: string, secure: boolean): Host {
  const given = text.trim();
  const withScheme = /^[a-z][a-z0-9+.-]*:\/\//i.test(given)
    ? given
    : `${secure ? "https" : "http"}://${given}`;
  let url: URL;
  try {
    url = new URL(withScheme);
  } catch {
    throw new HostError("must be a URL such as http://127.0.0.1:2379");
  }
  if (url.protocol !== "http:" && url.protocol !== "https:") {
    throw new HostError("must begin with http:// or https://");
  }
  if (url.username !== "" || url.password !== "") {
    throw new HostError("must be without user information; use the options username and password");
  }
  if (url.hostname === "" || url.pathname !== "/" || url.search !== "" || url.hash !== "") {
    throw new HostError("must end after the port");
  }
  const hostname = url.hostname.replace(/^\[(.*)\]$/, "$1");
  // The URL parser drops the port that is its scheme's default.
  const stated = /:(\d+)\/?$/.exec(withScheme)?.[1];
  const port =
    url.port !== "" ? Number(url.port) : stated !== undefined ? Number(stated) : defaultPort;
  if (port === 0) throw new HostError("must have a port from 1 to 65535");
  const shown = isIPv6(hostname) ? `[${hostname}]` : hostname;
  const scheme = url.protocol === "https:" ? "https" : "http";
  return { url: `${scheme}://${shown}:${port}`, hostname, port, secure: scheme === "https" };
}

/** One agent or server of Consul, as given. */
export interface ServerAddress {
  /** What may be shown and told apart: `http://host:8500`, `unix:///run/consul.sock`. */
  readonly url: string;
  /** What requests are made against: `http://host:8500`. */
  readonly origin: string;
  /** Path in front of `/v1`, without a slash at its end; usually empty. */
  readonly prefix: string;
  /** Path of the Unix socket that is connected to instead. */
  readonly socketPath: string | undefined;
}

/** Why a text is not an address; never quotes it, because it may hold a password. */
export class ServerAddressError extends Error {
  override readonly name = "ServerAddressError";
}

const hint = "must look like http://host:8500, https://host:8501 or unix:///path/of/a.sock";

/**
 * Reads one address, in the forms of Consul's `CONSUL_HTTP_ADDR` that name their scheme.
 *
 * @throws {@link ServerAddressError}
 */
export function parseServerAddress(text: string): ServerAddress {
  const trimmed = text.trim();
  if (trimmed.startsWith("unix://")) {
    const socketPath = trimmed.slice("unix://".length);
    // A longer one would be cut by the kernel and lead elsewhere.
    if (socketPath === "" || Buffer.byteLength(socketPath) > 107 || /[\0?#]/.test(socketPath)) {
      throw new ServerAddressError("must name the path of a Unix socket, of at most 107 bytes");
    }
    return Object.freeze({ url: trimmed, origin: "http://localhost", prefix: "", socketPath });
  }
  const [, rest] = /^https?:\/\/([^/?#].*)$/is.exec(trimmed) ?? [];
  if (rest === undefined) throw new ServerAddressError(hint);
  if (rest.includes("@")) {
    throw new ServerAddressError("must have no user name and password; use token");
  }
  let url: URL;
  try {
    url = new URL(trimmed);
  } catch {
    throw new ServerAddressError(hint);
  }
  if (url.search !== "" || url.hash !== "") {
    throw new ServerAddressError("must have no query and no fragment");
  }
  const prefix = url.pathname.replace(/\/+$/, "");
  if (prefix.endsWith("/v1")) throw new ServerAddressError("must be without /v1 at its end");
  return Object.freeze({
    url: url.origin + prefix,
    origin: url.origin,
    prefix,
    socketPath: undefined,
  });
}

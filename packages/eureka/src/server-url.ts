/** User name and password of one server. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** One server of the cluster, as given. */
export interface Server {
  /** `http://host:8761`. */
  readonly origin: string;
  /** Path of the service URL, with slashes at both ends: `/eureka/`. */
  readonly path: string;
  /** Origin and path: what may be shown. Never holds the user information. */
  readonly url: string;
  readonly credentials: Credentials | undefined;
}

/** Why a text is not a service URL; never quotes it, because it may hold a password. */
export class ServerUrlError extends Error {
  override readonly name = "ServerUrlError";
}

/**
 * Reads one service URL: `http://user:password@host:8761/eureka/`, the trailing slash optional.
 *
 * User information ends at the last `@` before the path and is percent-decoded, so a raw `@` in a
 * password is fine; `/`, `?`, `#` and `%` in one must be escaped.
 *
 * @throws {@link ServerUrlError}
 */
export function parseServerUrl(text: string): Server {
  const parts = /^(https?):\/\/([^/?#]*)(.*)$/is.exec(text.trim());
  if (parts === null) {
    throw new ServerUrlError("must look like http://host:8761/eureka/");
  }
  const [, scheme = "", authority = "", rest = ""] = parts;
  if (rest.includes("@")) {
    throw new ServerUrlError(
      "has an @ after the host; write / ? # @ inside a password as %2F %3F %23 %40",
    );
  }
  const at = authority.lastIndexOf("@");
  const hostAndPort = authority.slice(at + 1);
  let url: URL;
  try {
    // The parser would take the path's first part for the host.
    if (hostAndPort === "") throw new Error("no host");
    url = new URL(`${scheme}://${hostAndPort}${rest}`);
  } catch {
    throw new ServerUrlError(
      "has no valid host and port; write / ? # inside a password as %2F %3F %23",
    );
  }
  if (url.search !== "" || url.hash !== "") {
    throw new ServerUrlError("must have no query and no fragment");
  }
  const path = url.pathname.endsWith("/") ? url.pathname : `${url.pathname}/`;
  return Object.freeze({
    origin: url.origin,
    path,
    url: `${url.origin}${path}`,
    credentials: at <= 0 ? undefined : parseUserInfo(authority.slice(0, at)),
  });
}

function parseUserInfo(text: string): Credentials {
  const colon = text.indexOf(":");
  try {
    return Object.freeze({
      username: decodeURIComponent(colon < 0 ? text : text.slice(0, colon)),
      password: colon < 0 ? "" : decodeURIComponent(text.slice(colon + 1)),
    });
  } catch {
    throw new ServerUrlError("has user information with a broken escape; write % as %25");
  }
}

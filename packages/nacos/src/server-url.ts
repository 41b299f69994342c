/** User name and password of one server. */
export interface Credentials {
  readonly username: string;
  readonly password: string;
}

/** One server of the cluster, as given. */
export interface Server {
  /** `http://host:8848`; what may be shown, since it never holds the user information. */
  readonly origin: string;
  /** Host without brackets, for gRPC. */
  readonly host: string;
  readonly port: number;
  readonly secure: boolean;
  /** The server's context path, without a slash at its end: `/nacos`. */
  readonly prefix: string;
  readonly credentials: Credentials | undefined;
}

/** Why a text is not a server's URL; never quotes it, because it may hold a password. */
export class ServerUrlError extends Error {
  override readonly name = "ServerUrlError";
}

/**
 * Reads the URL of one server: `http://user:password@host:8848`, a context path optional.
 *
 * User information ends at the last `@` and its name at the first `:`, so both may stand in a password as
 * they are. Valid percent escapes in it are decoded, other percent signs stay.
 *
 * @param prefix  Context path of a URL without one.
 * @throws {@link ServerUrlError}
 */
export function parseServerUrl(text: string, prefix: string): Server {
  const parts = /^\s*(https?):\/\/(?:(.*)@)?([^@]*?)\s*$/is.exec(text);
  const [, scheme = "", userInfo, place = ""] = parts ?? [];
  if (parts === null || place === "") {
    throw new ServerUrlError("must look like http://host:8848");
  }
  let url: URL;
  try {
    // The parser would take the path's first part for the host.
    if (/^[/?#:]/.test(place)) throw new Error("no host");
    url = new URL(`${scheme}://${place}`);
  } catch {
    throw new ServerUrlError("has no valid host and port");
  }
  if (url.search !== "" || url.hash !== "") {
    throw new ServerUrlError("must have no query and no fragment");
  }
  const secure = url.protocol === "https:";
  return Object.freeze({
    origin: url.origin,
    host: url.hostname.replace(/^\[(.*)\]$/, "$1"),
    port: url.port === "" ? (secure ? 443 : 80) : Number(url.port),
    secure,
    prefix: url.pathname === "/" ? prefix : contextPath(url.pathname),
    credentials: userInfo ? parseUserInfo(userInfo) : undefined,
  });
}

/** A context path out of the prefix of an API: `/nacos/v1/` is `/nacos`, `/` is nothing. */
export function contextPath(path: string): string {
  return path
    .replace(/\/+$/, "")
    .replace(/\/v[1-3]$/, "")
    .replace(/\/+$/, "");
}

function parseUserInfo(text: string): Credentials {
  const colon = text.indexOf(":");
  return Object.freeze({
    username: decode(colon < 0 ? text : text.slice(0, colon)),
    password: colon < 0 ? "" : decode(text.slice(colon + 1)),
  });
}

function decode(text: string): string {
  return text.replaceAll(/(?:%[\da-f]{2})+/gi, (escapes) => {
    try {
      return decodeURIComponent(escapes);
    } catch {
      // Not UTF-8, so it was not meant as one.
      return escapes;
    }
  });
}

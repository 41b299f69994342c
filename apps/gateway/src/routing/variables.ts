import type { RequestHead } from "@rollcall/proxy";

/**
 * Values that a hash key may be made of, by the names nginx and APISIX give them: `uri`, `request_uri`, `args`,
 * `arg_NAME`, `host`, `http_NAME`, `cookie_NAME`, `remote_addr`, `remote_port`, `request_method`, `scheme`,
 * `server_port`.
 *
 * @returns `undefined` for a name that is none of them, or that this request has no value for.
 */
export function variable(head: RequestHead, name: string): string | undefined {
  if (name.startsWith("http_")) return head.header(name.slice(5).replaceAll("_", "-"));
  if (name.startsWith("arg_")) return argument(head.target, name.slice(4));
  if (name.startsWith("cookie_")) return cookie(head.header("cookie"), name.slice(7));
  switch (name) {
    case "uri":
      return head.target.split("?", 1)[0];
    case "request_uri":
      return head.target;
    case "args":
      return queryOf(head.target);
    case "host":
      return head.header("host")?.replace(/:\d*$/, "").toLowerCase();
    case "remote_addr":
      return head.remoteAddress;
    case "remote_port":
      return String(head.remotePort);
    case "request_method":
      return head.method;
    case "scheme":
      return head.secure ? "https" : "http";
    case "server_port":
      return String(head.localPort);
    default:
      return undefined;
  }
}

function queryOf(target: string): string | undefined {
  const question = target.indexOf("?");
  return question < 0 ? undefined : target.slice(question + 1);
}

/** The first argument of that name, as it was sent: nginx does not decode it either. */
function argument(target: string, name: string): string | undefined {
  for (const pair of queryOf(target)?.split("&") ?? []) {
    const equals = pair.indexOf("=");
    if (equals === name.length && pair.startsWith(name)) return pair.slice(equals + 1);
  }
  return undefined;
}

function cookie(header: string | undefined, name: string): string | undefined {
  for (const pair of header?.split(";") ?? []) {
    const equals = pair.indexOf("=");
    if (equals > 0 && pair.slice(0, equals).trim() === name) return pair.slice(equals + 1).trim();
  }
  return undefined;
}

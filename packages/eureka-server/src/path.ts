import { Refusal } from "./refusal.ts";

/** A request target, taken apart below `/eureka`. */
export interface Target {
  /** Decoded, none empty. */
  readonly segments: readonly string[];
  readonly query: URLSearchParams;
}

/**
 * Reads a request target; `undefined` outside `/eureka` and for doubled slashes. `/eureka/v2/…` means
 * the same as `/eureka/…`, and one trailing slash makes no difference.
 *
 * @throws {Refusal} 400 for what the real server's container refuses in a path: an encoded slash,
 *   backslash or NUL, or a broken escape.
 */
export function parseTarget(url: string): Target | undefined {
  const at = url.indexOf("?");
  const path = at < 0 ? url : url.slice(0, at);
  if (/%(2f|5c|00|(?![\da-f]{2}))/i.test(path)) throw badPath();
  // What follows a semicolon is a parameter of its segment (RFC 3986 §3.3), which nothing here has.
  const parts = path.split("/").map((part) => part.split(";", 1)[0] ?? "");
  if (parts.length > 2 && parts.at(-1) === "") parts.pop();
  const [start, root, ...rest] = parts;
  if (start !== "" || root !== "eureka" || rest.includes("")) return undefined;
  if (rest[0] === "v2") rest.shift();
  try {
    return {
      segments: rest.map(decodeURIComponent),
      query: new URLSearchParams(at < 0 ? "" : url.slice(at + 1)),
    };
  } catch {
    throw badPath();
  }
}

function badPath(): Refusal {
  return new Refusal(400, "the path holds an escape that is not allowed");
}

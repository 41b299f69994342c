import { DiscoveryError, type ErrorCode } from "@rollcall/core";

/** Error codes of answers that callers tell apart. */
export const errorCode = {
  ok: 0,
  unimplemented: -6,
  noNode: -101,
  noAuth: -102,
  badVersion: -103,
  nodeExists: -110,
  sessionExpired: -112,
  authFailed: -115,
  sessionMoved: -118,
  logInRequired: -124,
  noWatcher: -121,
} as const;

const meanings: ReadonlyMap<number, readonly [ErrorCode, string]> = new Map([
  [-1, ["UNAVAILABLE", "the server has an internal problem"]],
  [-3, ["UNAVAILABLE", "the server lost data"]],
  [-4, ["UNAVAILABLE", "the server lost its connection"]],
  [-5, ["PROTOCOL", "the server could not read the request"]],
  [-6, ["UNSUPPORTED", "the server does not know the operation"]],
  [-7, ["UNAVAILABLE", "the server ran out of time"]],
  [-8, ["INVALID", "the server refuses the path or an argument"]],
  [-101, ["UNAVAILABLE", "there is no such znode"]],
  [-102, ["AUTH", "no rights"]],
  [-103, ["UNAVAILABLE", "the znode changed meanwhile"]],
  [-108, ["INVALID", "the parent is ephemeral and can have no children"]],
  [-110, ["UNAVAILABLE", "the znode appeared meanwhile"]],
  [-111, ["INVALID", "the znode has children"]],
  [-112, ["UNAVAILABLE", "the session has expired"]],
  [-114, ["INVALID", "the server refuses the ACL"]],
  [-115, ["AUTH", "the server refused the credentials"]],
  [-118, ["UNAVAILABLE", "the session moved to another server"]],
  [-119, ["UNAVAILABLE", "the server is read-only for now"]],
  [-122, ["UNAVAILABLE", "the server ran out of time"]],
  [-124, ["AUTH", "the server serves nobody without a SASL log-in that succeeds"]],
  [-125, ["INVALID", "a quota of the server is exceeded"]],
  [-127, ["UNAVAILABLE", "the server is throttling"]],
] as const);

/** What an error code in an answer means for whoever called. */
export function errorOf(
  code: number,
  where: { readonly registry: string; readonly operation: string },
): DiscoveryError {
  const [meaning, reason] = meanings.get(code) ?? ["PROTOCOL", `error code ${code}`];
  return new DiscoveryError({ code: meaning, ...where, reason });
}

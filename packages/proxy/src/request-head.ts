import type { IncomingMessage } from "node:http";
import { TLSSocket } from "node:tls";

import type { RequestHead } from "./contract.ts";

/** A head that has one reading only, or why it does not. */
export type ReadHead =
  | { readonly ok: true; readonly head: RequestHead }
  | { readonly ok: false; readonly status: 400 | 431 | 501; readonly detail: string };

/**
 * Reads what Node's parser let through and refuses what has more than one meaning to the next hop.
 *
 * @see RFC 9112 §3.2 (Host), §3.3 (target), §6.1–6.3 (framing)
 */
export function readHead(request: IncomingMessage, maxHeaders: number): ReadHead {
  const { rawHeaders, method = "GET", url = "/" } = request;
  if (rawHeaders.length / 2 > maxHeaders) {
    return { ok: false, status: 431, detail: `more than ${maxHeaders} header fields` };
  }
  const version = request.httpVersion === "1.0" ? "1.0" : "1.1";
  const fault = hostFault(rawHeaders, version) ?? framingFault(rawHeaders, version);
  if (fault !== undefined) return { ok: false, ...fault };
  const target = originForm(url, method);
  if (target === undefined) return refuse("the request target is not a path");
  const { socket } = request;
  const head: RequestHead = {
    method,
    target: target.path,
    httpVersion: version,
    rawHeaders,
    header: (name) =>
      name === "host" && target.authority !== undefined
        ? target.authority
        : firstValue(rawHeaders, name),
    remoteAddress: withoutMappedPrefix(socket.remoteAddress ?? ""),
    remotePort: socket.remotePort ?? 0,
    localPort: socket.localPort ?? 0,
    secure: socket instanceof TLSSocket,
  };
  return { ok: true, head };
}

/** RFC 3986 §3.2.2, without user information. */
const validHost = /^(?:[A-Za-z0-9._~!$&'()*+,;=%-]*|\[[0-9A-Fa-f:.]+\])(?::\d{0,5})?$/;

type Fault = { readonly status: 400 | 501; readonly detail: string } | undefined;

/** RFC 9112 §3.2: exactly one Host, and a valid one, in HTTP/1.1. */
function hostFault(rawHeaders: readonly string[], version: "1.0" | "1.1"): Fault {
  const hosts = valuesOf(rawHeaders, "host");
  if (hosts.length > 1) return { status: 400, detail: "more than one Host field" };
  const [host] = hosts;
  if (host === undefined) {
    return version === "1.0" ? undefined : { status: 400, detail: "the Host field is missing" };
  }
  return validHost.test(host) ? undefined : { status: 400, detail: "the Host field is malformed" };
}

/** RFC 9112 §6: what the parser lets through and the next hop could read otherwise. */
function framingFault(rawHeaders: readonly string[], version: "1.0" | "1.1"): Fault {
  const codings = valuesOf(rawHeaders, "transfer-encoding");
  if (codings.length === 0) return undefined;
  if (version === "1.0") return { status: 400, detail: "Transfer-Encoding in HTTP/1.0" };
  if (codings.length > 1) return { status: 400, detail: "more than one Transfer-Encoding field" };
  if (valuesOf(rawHeaders, "content-length").length > 0) {
    return { status: 400, detail: "both Content-Length and Transfer-Encoding" };
  }
  return codings[0]?.toLowerCase() === "chunked"
    ? undefined
    : { status: 501, detail: "a transfer coding other than chunked" };
}

/** RFC 9112 §3.2: absolute-form is reduced to its path, and its authority replaces Host. */
function originForm(
  url: string,
  method: string,
): { readonly path: string; readonly authority?: string } | undefined {
  if (url.startsWith("/")) return url.includes("#") ? undefined : { path: url };
  if (url === "*") return method === "OPTIONS" ? { path: url } : undefined;
  const absolute = /^https?:\/\/([^/?#@]+)([/?][^#]*)?$/i.exec(url);
  const authority = absolute?.[1];
  if (authority === undefined || !validHost.test(authority)) return undefined;
  const rest = absolute?.[2] ?? "/";
  return { path: rest.startsWith("?") ? `/${rest}` : rest, authority };
}

/** Every value of a field, by lower-case name, in wire order. */
export function valuesOf(rawHeaders: readonly string[], name: string): string[] {
  const values: string[] = [];
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const field = rawHeaders[index];
    if (field?.length === name.length && field.toLowerCase() === name) {
      values.push(rawHeaders[index + 1] ?? "");
    }
  }
  return values;
}

function firstValue(rawHeaders: readonly string[], name: string): string | undefined {
  return valuesOf(rawHeaders, name)[0];
}

function withoutMappedPrefix(address: string): string {
  return address.startsWith("::ffff:") && address.includes(".") ? address.slice(7) : address;
}

function refuse(detail: string): ReadHead {
  return { ok: false, status: 400, detail };
}

import type { IncomingMessage } from "node:http";
import { isIP } from "node:net";

import type { Forward, RequestHead, UpstreamNode } from "./contract.ts";
import { valuesOf } from "./request-head.ts";

/** Fields of one hop; they never travel on. RFC 9110 §7.6.1. */
const hopByHop: ReadonlySet<string> = new Set([
  "connection",
  "keep-alive",
  "proxy-connection",
  "proxy-authenticate",
  "proxy-authorization",
  "te",
  "trailer",
  "transfer-encoding",
  "upgrade",
]);

/** Fields that a Connection field cannot nominate away: the message would change its meaning. */
const neverNominated: ReadonlySet<string> = new Set(["host", "content-length", "cache-control"]);

/** Fields that we write ourselves, so that a client cannot forge them. */
const ours: ReadonlySet<string> = new Set([
  "host",
  "content-length",
  "expect",
  "forwarded",
  "x-forwarded-for",
  "x-forwarded-host",
  "x-forwarded-port",
  "x-forwarded-proto",
  "x-real-ip",
]);

/** Methods whose requests say nothing about a body that they do not have. */
const bodiless = /^(?:GET|HEAD|DELETE|OPTIONS|TRACE)$/;

/** How the request's body is delimited. */
export type Framing =
  | { readonly kind: "none" }
  | { readonly kind: "length"; readonly length: string }
  | { readonly kind: "chunked" };

/** RFC 9112 §6.3, for requests whose head was read by `readHead`. */
export function framingOf(head: RequestHead): Framing {
  if (valuesOf(head.rawHeaders, "transfer-encoding").length > 0) return { kind: "chunked" };
  const [length] = valuesOf(head.rawHeaders, "content-length");
  return length === undefined || length === "0" ? { kind: "none" } : { kind: "length", length };
}

/** Fields to send to a node: names and values in turn. */
export function requestFields(
  head: RequestHead,
  forward: Forward,
  node: UpstreamNode,
  framing: Framing,
): string[] {
  const fields = ["Host", hostFor(head, forward, node)];
  const dropped = nominated(head.rawHeaders);
  for (let index = 0; index < head.rawHeaders.length; index += 2) {
    const name = head.rawHeaders[index] ?? "";
    const lower = name.toLowerCase();
    // CGI and its kin take `X_Forwarded_For` for `X-Forwarded-For`.
    const read = lower.replaceAll("_", "-");
    if (hopByHop.has(read) || ours.has(read) || dropped?.has(lower) === true) continue;
    fields.push(name, head.rawHeaders[index + 1] ?? "");
  }
  // RFC 9110 §10.1.4: the only TE value that may travel, and only when the client asked for it.
  if (valuesOf(head.rawHeaders, "te").some((value) => /(^|[\s,])trailers/i.test(value))) {
    fields.push("TE", "trailers");
  }
  if (framing.kind === "chunked") fields.push("Transfer-Encoding", "chunked");
  else if (framing.kind === "length") fields.push("Content-Length", framing.length);
  // RFC 9110 §8.6: said when the method gives a body a meaning; Node would write chunked otherwise.
  else if (!bodiless.test(head.method)) fields.push("Content-Length", "0");
  const host = head.header("host") ?? "";
  const chain = valuesOf(head.rawHeaders, "x-forwarded-for").filter((value) => value !== "");
  fields.push(
    "X-Real-IP",
    head.remoteAddress,
    "X-Forwarded-For",
    [...chain, head.remoteAddress].join(", "),
    "X-Forwarded-Proto",
    head.secure ? "https" : "http",
    "X-Forwarded-Port",
    String(head.localPort),
  );
  if (host !== "") fields.push("X-Forwarded-Host", host);
  return fields;
}

/**
 * Fields of a node's answer that travel on: names and values in turn.
 *
 * @param chunked  Whether the client gets it in chunks: only then can there be a trailer.
 */
export function responseFields(
  { rawHeaders, statusCode }: Pick<IncomingMessage, "rawHeaders" | "statusCode">,
  chunked: boolean,
): string[] {
  const fields: string[] = [];
  const dropped = nominated(rawHeaders);
  for (let index = 0; index < rawHeaders.length; index += 2) {
    const name = rawHeaders[index] ?? "";
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) && !(lower === "trailer" && chunked)) continue;
    // RFC 9110 §8.6: a client could wait for the content that it announces.
    if (lower === "content-length" && statusCode === 204) continue;
    if (dropped?.has(lower) === true) continue;
    fields.push(name, rawHeaders[index + 1] ?? "");
  }
  return fields;
}

/** Trailer fields that may travel: none that frames, routes or authenticates. RFC 9110 §6.5.1. */
export function trailerFields(rawTrailers: readonly string[]): [string, string][] {
  const fields: [string, string][] = [];
  for (let index = 0; index < rawTrailers.length; index += 2) {
    const name = rawTrailers[index] ?? "";
    const lower = name.toLowerCase();
    if (hopByHop.has(lower) || ours.has(lower)) continue;
    if (/^(?:authorization|cookie|set-cookie|content-.*|max-forwards|range|if-.*)$/.test(lower)) {
      continue;
    }
    fields.push([name, rawTrailers[index + 1] ?? ""]);
  }
  return fields;
}

/** RFC 9110 §7.6.1: fields named by Connection belong to this hop as well. */
function nominated(rawHeaders: readonly string[]): ReadonlySet<string> | undefined {
  const values = valuesOf(rawHeaders, "connection");
  if (values.length === 0) return undefined;
  const names = values
    .flatMap((value) => value.split(","))
    .map((name) => name.trim().toLowerCase())
    .filter((name) => name !== "" && !neverNominated.has(name));
  return new Set(names);
}

function hostFor(head: RequestHead, forward: Forward, node: UpstreamNode): string {
  if (typeof forward.host === "object") return forward.host.value;
  const received = head.header("host");
  if (forward.host === "pass" && received !== undefined) return received;
  const name = node.hostname ?? (isIP(node.host) === 6 ? `[${node.host}]` : node.host);
  return node.port === (node.secure ? 443 : 80) ? name : `${name}:${node.port}`;
}

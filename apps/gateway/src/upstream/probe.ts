import { request, type RequestOptions } from "node:http";
import { request as secureRequest } from "node:https";
import { connect, isIP } from "node:net";
import { checkServerIdentity, type ConnectionOptions } from "node:tls";

import type { ServiceNode } from "@rollcall/core";
import { guardedLookup, type NodeTls } from "@rollcall/proxy";

import { showAddress } from "../address.ts";
import type { ActiveChecks } from "../config/active-checks.ts";
import type { AddressPolicy } from "./address-policy.ts";

/** What a node answered; `neither`: a status that says nothing of its health. */
export type ProbeResult = "success" | "http_failure" | "tcp_failure" | "timeout" | "neither";

/** How nodes of an upstream are reached. */
export interface ProbeParts {
  readonly checks: ActiveChecks;
  readonly tls: NodeTls | undefined;
  readonly policy: AddressPolicy;
}

/**
 * Asks one node once, over a connection of its own, and reads no more than the head of the answer.
 *
 * @param signal  Gives up; the result then means nothing.
 */
export function probe(
  node: ServiceNode,
  { checks, tls, policy }: ProbeParts,
  signal: AbortSignal,
): Promise<ProbeResult> {
  const { host } = node;
  const port = checks.port ?? node.port;
  if (signal.aborted || !policy.allows({ host, port })) return Promise.resolve("tcp_failure");
  const lookup = guardedLookup((address) => policy.allows({ host: address, port }));
  return new Promise((resolve) => {
    let ended = false;
    const end = (result: ProbeResult): void => {
      if (ended) return;
      ended = true;
      clearTimeout(timer);
      signal.removeEventListener("abort", abandon);
      asked.destroy();
      resolve(result);
    };
    const abandon = (): void => end("timeout");
    const timer = setTimeout(() => end("timeout"), checks.timeoutMs);
    signal.addEventListener("abort", abandon, { once: true });
    const asked =
      checks.type === "tcp"
        ? connect({ host, port, lookup }, () => end("success"))
        : ask(node, { host, port, lookup }, checks, tls, (status) => end(judged(status, checks)));
    // It stays, for a connection may fail once more while it is destroyed.
    asked.on("error", () => end("tcp_failure"));
  });
}

function ask(
  node: ServiceNode,
  where: Pick<RequestOptions, "host" | "port" | "lookup">,
  { type, path, headers, host, verify }: ActiveChecks,
  tls: NodeTls | undefined,
  answered: (status: number) => void,
): ReturnType<typeof request> {
  const name = node.hostname ?? node.host;
  const fields = {
    host: host ?? showAddress({ host: name, port: Number(where.port) }),
    "user-agent": "rollcall-health-check",
    ...Object.fromEntries(headers.map(([field, value]) => [field.toLowerCase(), value])),
    connection: "close",
  };
  const options = { ...where, path, headers: fields, agent: false };
  const sent =
    type === "https"
      ? secureRequest({ ...options, ...tlsOf(name, tls, verify) })
      : request(options);
  sent.on("response", ({ statusCode = 0 }) => answered(statusCode));
  sent.on("upgrade", ({ statusCode = 0 }) => answered(statusCode));
  return sent.end();
}

function judged(status: number, { healthy, unhealthy }: ActiveChecks): ProbeResult {
  if (healthy.statuses.includes(status)) return "success";
  return unhealthy.statuses.includes(status) ? "http_failure" : "neither";
}

/** As requests speak TLS to the node, but that `verify` of the checks can turn verification off. */
function tlsOf(ownName: string, tls: NodeTls | undefined, verify: boolean): ConnectionOptions {
  const name = tls?.serverName ?? ownName;
  return {
    ca: tls?.ca,
    cert: tls?.cert,
    key: tls?.key,
    minVersion: "TLSv1.2",
    // An address cannot be sent (RFC 6066 §3), but a certificate may be for one.
    servername: isIP(name) === 0 ? name : "",
    checkServerIdentity: (_, certificate) => checkServerIdentity(name, certificate),
    rejectUnauthorized: verify && tls?.verify !== false,
  };
}

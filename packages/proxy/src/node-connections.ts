import { Agent as HttpAgent, type ClientRequest, request as httpRequest } from "node:http";
import { Agent as HttpsAgent, request as httpsRequest } from "node:https";
import { isIP, type LookupFunction } from "node:net";

import type { NodeTls, UpstreamNode } from "./contract.ts";
import { guardedLookup } from "./guarded-lookup.ts";

/** Bounds of the idle connections to nodes. */
export interface ConnectionOptions {
  readonly maxIdlePerNode: number;
  readonly idleTimeoutMs: number;
  readonly tls: NodeTls | undefined;
  readonly allowAddress: ((address: string, port: number) => boolean) | undefined;
}

/** One request to a node, before its body. */
export interface NodeRequest {
  readonly node: UpstreamNode;
  readonly method: string;
  readonly target: string;
  /** Names and values in turn. */
  readonly fields: string[];
  /** Whether a connection that was idle may be used: only when the request could be sent twice. */
  readonly reuse: boolean;
}

/** Connections to nodes: idle ones are kept per node, and closed when they are not used. */
export class NodeConnections implements Disposable {
  readonly #tls: NodeTls | undefined;
  readonly #allowAddress: ((address: string, port: number) => boolean) | undefined;
  readonly #kept: { readonly http: HttpAgent; readonly https: HttpsAgent };
  readonly #single: { readonly http: HttpAgent; readonly https: HttpsAgent };

  constructor(options: ConnectionOptions) {
    this.#tls = options.tls;
    this.#allowAddress = options.allowAddress;
    const kept = {
      keepAlive: true,
      maxFreeSockets: options.maxIdlePerNode,
      timeout: options.idleTimeoutMs,
      scheduling: "lifo",
    } as const;
    this.#kept = { http: new HttpAgent(kept), https: new HttpsAgent(kept) };
    const single = { keepAlive: false } as const;
    this.#single = { http: new HttpAgent(single), https: new HttpsAgent(single) };
  }

  /** Whether a node's address is one that may not be connected to; names are checked as they resolve. */
  forbids(node: UpstreamNode): boolean {
    return isIP(node.host) !== 0 && this.#allowAddress?.(node.host, node.port) === false;
  }

  open({ node, method, target, fields, reuse }: NodeRequest): ClientRequest {
    const agents = reuse ? this.#kept : this.#single;
    const common = {
      host: node.host,
      port: node.port,
      method,
      path: target,
      headers: fields,
      lookup: this.#lookupFor(node),
    };
    if (!node.secure) {
      return httpRequest({ ...common, agent: agents.http, insecureHTTPParser: false });
    }
    return httpsRequest({
      ...common,
      agent: agents.https,
      insecureHTTPParser: false,
      ...serverName(node),
      ca: this.#tls?.ca,
      cert: this.#tls?.cert,
      key: this.#tls?.key,
      rejectUnauthorized: this.#tls?.verify ?? true,
    });
  }

  /** A node closed an idle connection: its other idle ones are no better. */
  forgetIdle(node: UpstreamNode): void {
    const agent = node.secure ? this.#kept.https : this.#kept.http;
    const place = `${node.host}:${node.port}:`;
    for (const [name, sockets] of Object.entries(agent.freeSockets)) {
      if (name.startsWith(place)) for (const socket of sockets ?? []) socket.destroy();
    }
  }

  /** Only names are looked up. */
  #lookupFor({ host, port }: UpstreamNode): LookupFunction | undefined {
    const allows = this.#allowAddress;
    if (allows === undefined || isIP(host) !== 0) return undefined;
    return guardedLookup((address) => allows(address, port));
  }

  [Symbol.dispose](): void {
    for (const agents of [this.#kept, this.#single]) {
      agents.http.destroy();
      agents.https.destroy();
    }
  }
}

/** SNI and the certificate go by the node's name; an address without a name is checked as it is. */
function serverName(node: UpstreamNode): { servername?: string } {
  const name = node.hostname ?? node.host;
  return isIP(name) === 0 ? { servername: name } : {};
}

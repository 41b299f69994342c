import { connect, isIP, type LookupFunction, type Socket, type TcpNetConnectOpts } from "node:net";
import { connect as connectTls } from "node:tls";

import type { NodeTls, UpstreamNode } from "../contract.ts";
import { guardedLookup } from "./guarded-lookup.ts";

/** How connections to nodes are made. */
export interface DialOptions {
  readonly tls: NodeTls | undefined;
  readonly allowAddress: ((address: string, port: number) => boolean) | undefined;
}

/**
 * Begins a connection. A plain one reads into one buffer of its own; a TLS one cannot, for it may be given
 * several records at once, also after it was paused.
 *
 * @param onBytes  Called with the bytes that arrived; they are valid until the next read, and nothing is read
 *   while the connection is paused.
 */
export function dial(
  node: UpstreamNode,
  options: DialOptions,
  onBytes: (bytes: Buffer, length: number) => void,
): Socket {
  const common = {
    host: node.host,
    port: node.port,
    noDelay: true,
    keepAlive: true,
    allowHalfOpen: true,
    ...lookupFor(node, options.allowAddress),
  };
  if (node.secure) {
    const socket = dialTls(node, common, options.tls);
    socket.on("data", (bytes: Buffer) => onBytes(bytes, bytes.length));
    return socket;
  }
  const onread = {
    buffer: Buffer.allocUnsafeSlow(65_536),
    callback: (length: number, bytes: Uint8Array): boolean => {
      onBytes(bytes as Buffer, length);
      return true;
    },
  };
  return connect({ ...common, onread });
}

function dialTls(node: UpstreamNode, common: TcpNetConnectOpts, tls: NodeTls | undefined): Socket {
  return connectTls({
    ...common,
    ...serverName(node),
    ALPNProtocols: ["http/1.1"],
    ca: tls?.ca,
    cert: tls?.cert,
    key: tls?.key,
    rejectUnauthorized: tls?.verify ?? true,
  });
}

/** Whether the address may not be connected to; names are asked about as they resolve. */
export function isForbidden(node: UpstreamNode, { allowAddress }: DialOptions): boolean {
  return isIP(node.host) !== 0 && allowAddress?.(node.host, node.port) === false;
}

function lookupFor(
  { host, port }: UpstreamNode,
  allows: DialOptions["allowAddress"],
): { lookup?: LookupFunction } {
  if (allows === undefined || isIP(host) !== 0) return {};
  return { lookup: guardedLookup((address) => allows(address, port)) };
}

/** SNI and the certificate go by the node's name; an address without a name is checked as it is. */
function serverName(node: UpstreamNode): { servername?: string } {
  const name = node.hostname ?? node.host;
  return isIP(name) === 0 ? { servername: name } : {};
}

import { connect, isIP, type LookupFunction, type Socket, type TcpNetConnectOpts } from "node:net";
import { connect as connectTls, type TLSSocket } from "node:tls";

import type { UpstreamNode } from "../contract.ts";
import { guardedLookup } from "./guarded-lookup.ts";
import type { TlsProfile } from "./tls-profile.ts";
import { WatchedTransport } from "./watched-transport.ts";

/** Which addresses may be connected to. */
export interface DialRules {
  readonly allowAddress: ((address: string, port: number) => boolean) | undefined;
  /** Silence before the kernel asks whether the other side is there, in ms; may change. */
  readonly keepAliveMs: () => number;
}

/** How a connection to a node is made. */
export interface DialOptions extends DialRules {
  /** How to speak TLS; needed for a secure node. */
  readonly profile?: TlsProfile | undefined;
  /** Of an earlier connection, to go on with. */
  readonly session?: Buffer | undefined;
  /** Whether an end that the node did not announce has to be an error: see {@link WatchedTransport}. */
  readonly watched?: boolean | undefined;
}

/**
 * Begins a connection. A plain one reads into one buffer of its own; a TLS one cannot, for it may be given
 * several records at once, also after it was paused.
 *
 * @param onBytes  Called with the bytes that arrived; they are valid until the next read, and nothing is read
 *   while the connection is paused. Those of a TLS connection are not used again.
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
    keepAliveInitialDelay: options.keepAliveMs(),
    allowHalfOpen: true,
    ...lookupFor(node, options.allowAddress),
  };
  if (options.profile !== undefined) {
    const socket = dialTls(node, common, options.profile, options);
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

function dialTls(
  node: UpstreamNode,
  common: TcpNetConnectOpts,
  profile: TlsProfile,
  { session, watched }: DialOptions,
): TLSSocket {
  const tls = { ...profile.optionsFor(node), session };
  if (watched !== true) return connectTls({ ...common, ...tls });
  const transport = new WatchedTransport(connect(common));
  const socket = connectTls({ ...tls, socket: transport });
  socket.allowHalfOpen = true;
  transport.watch(socket);
  return socket;
}

/** Whether the address may not be connected to; names are asked about as they resolve. */
export function isForbidden(node: UpstreamNode, { allowAddress }: DialRules): boolean {
  return isIP(node.host) !== 0 && allowAddress?.(node.host, node.port) === false;
}

function lookupFor(
  { host, port }: UpstreamNode,
  allows: DialRules["allowAddress"],
): { lookup?: LookupFunction } {
  if (allows === undefined || isIP(host) !== 0) return {};
  return { lookup: guardedLookup((address) => allows(address, port)) };
}

import type { UpstreamNode } from "../contract.ts";

/** What connections to a node have in common. */
export function nodeKey({ host, port, secure, hostname }: UpstreamNode): string {
  return `${secure ? "https" : "http"}://${host}:${port}/${hostname ?? ""}`;
}

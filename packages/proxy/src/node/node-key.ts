import type { UpstreamNode } from "../contract.ts";

/**
 * What connections to a node have in common.
 *
 * @param profile  Id of the way to speak TLS to it.
 */
export function nodeKey({ host, port, secure, hostname }: UpstreamNode, profile: string): string {
  return secure
    ? `https://${host}:${port}/${hostname ?? ""} ${profile}`
    : `http://${host}:${port}/`;
}

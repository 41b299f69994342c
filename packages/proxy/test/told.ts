import type { ProxyOptions } from "../src/index.ts";
import { echoNode, forwardTo, get, proxyWith, talk } from "./wire.ts";

/** What is told of one request: to the node, to the route and to the log. */
export interface Told {
  readonly headers: Record<string, string>;
  readonly route: string;
  readonly peer: string;
  readonly log: string;
}

/** Asks a proxy from 127.0.0.1, with these field lines. */
export async function tell(more: string, options: Partial<ProxyOptions>): Promise<Told> {
  await using node = await echoNode();
  let route = "";
  let peer = "";
  let log = "";
  const address = await proxyWith({
    route: (head) => {
      route = head.remoteAddress;
      peer = head.peerAddress;
      return forwardTo([node]);
    },
    onCompleted: ({ remoteAddress }) => (log = remoteAddress),
    ...options,
  });
  const answer = await talk(address, get("/", more));
  const { headers } = JSON.parse(answer.split("\r\n\r\n")[1] ?? "");
  return { headers, route, peer, log };
}

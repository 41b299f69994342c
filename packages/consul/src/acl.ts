import { DiscoveryError } from "@rollcall/core";

import type { ConsulClient } from "./client.ts";
import type { Place } from "./place.ts";
import { placeParameters } from "./place.ts";
import { isRecord } from "./record.ts";
import type { ServerAddress } from "./server-address.ts";

/** A node that is asked about to learn whether nodes in general may be read. */
const anyNode = "rollcall-any";

/**
 * Finds out whether an empty answer is the truth or a lack of rights: Consul leaves out what a token may
 * not read and answers 200.
 *
 * What cannot be told apart: a token that may read the service and some agents, but not those the service
 * runs on. Servers from 1.11 on say so themselves.
 *
 * @param service  Undefined: the list of all services, which always has one at least.
 * @throws {@link DiscoveryError} `AUTH`; or what the calls throw.
 */
export async function checkRights(
  client: ConsulClient,
  server: ServerAddress,
  registry: string,
  { service, place }: { readonly service: string | undefined; readonly place: Place },
  signal: AbortSignal,
): Promise<void> {
  const operation = service === undefined ? "list services" : `read ${service}`;
  const refuse = (reason: string): never => {
    throw new DiscoveryError({
      code: "AUTH",
      registry,
      operation: `${operation} at ${server.url}`,
      reason: `the answer is empty because ${reason}`,
    });
  };
  const self = await client.ask(
    server,
    { operation: "look at the token", method: "GET", path: "acl/token/self" },
    signal,
  );
  // So answers a server without access control.
  if (self.status === 401) return;
  if (service === undefined) return refuse("the token may list no service");
  const authorized = await client.ask(
    server,
    {
      operation: "look at the token's rights",
      method: "POST",
      path: withDatacenter("internal/acl/authorize", place),
      body: [
        { Resource: "service", Access: "read", Segment: service, ...placeOfRule(place) },
        { Resource: "node", Access: "read", Segment: anyNode, ...placeOfRule(place) },
      ],
    },
    signal,
  );
  const [reads, anywhere] = Array.isArray(authorized.json) ? authorized.json.map(isAllowed) : [];
  if (authorized.status === 200 && reads !== undefined && anywhere !== undefined) {
    if (!reads) return refuse("the token may not read the service");
    if (!anywhere && !(await readsSome(client, server, place, signal))) {
      return refuse("the token may read no node");
    }
    return;
  }
  // A server that does not tell rights this way: an unknown token is none, and one that sees nothing at
  // all has no rights, since the servers themselves are always listed.
  if (self.status === 403 || !(await listsSome(client, server, place, signal))) {
    refuse("the token may list no service");
  }
}

async function readsSome(
  client: ConsulClient,
  server: ServerAddress,
  place: Place,
  signal: AbortSignal,
): Promise<boolean> {
  const path = withDatacenter("catalog/nodes", place);
  const request = { operation: "list nodes", method: "GET", path } as const;
  const { status, json } = await client.ask(server, request, signal);
  return status === 200 && Array.isArray(json) && json.length > 0;
}

async function listsSome(
  client: ConsulClient,
  server: ServerAddress,
  place: Place,
  signal: AbortSignal,
): Promise<boolean> {
  return (await client.readServices(server, place, signal)).length > 0;
}

function withDatacenter(path: string, { dc, partition }: Place): string {
  const parameters = placeParameters({ dc, namespace: undefined, partition }, true);
  return parameters.length === 0 ? path : `${path}?${parameters.join("&")}`;
}

function placeOfRule({ namespace, partition }: Place): object {
  return {
    ...(namespace === undefined ? {} : { Namespace: namespace }),
    ...(partition === undefined ? {} : { Partition: partition }),
  };
}

function isAllowed(answer: unknown): boolean | undefined {
  const allow = isRecord(answer) ? answer["Allow"] : undefined;
  return typeof allow === "boolean" ? allow : undefined;
}

import { DiscoveryError } from "@rollcall/core";
import type { Forward, ProxyFailure, Reply, RequestHead } from "@rollcall/proxy";

import { codeOfFailure, errorReply } from "./error-table.ts";
import { type ParsedTarget, parseTarget } from "./routing/path.ts";
import { rewriteTarget } from "./routing/rewrite.ts";
import type { GatewayState, RunningRoute } from "./state.ts";

/** Whose request it was, handed through the engine. */
export interface RequestContext {
  readonly route: RunningRoute;
}

/**
 * Decides where one request goes: path, route, nodes, target.
 *
 * Synchronous unless the service is pending; then it waits up to `wait_ms`.
 *
 * @param current  The newest state; asked again after a wait.
 */
export function routeRequest(
  head: RequestHead,
  current: () => GatewayState,
): Forward | Reply | Promise<Forward | Reply> {
  // RFC 9110 §9.3.7: it asks about the server, and says nothing of any route.
  if (head.target === "*") return { kind: "reply", status: 204, headers: {}, body: "" };
  const parsed = parseTarget(head.target);
  if ("refused" in parsed) return errorReply("BAD_REQUEST", parsed.refused);
  const { router, config } = current();
  const route = router.match(head.method, head.header("host"), parsed.path);
  if (route === undefined) {
    return errorReply("ROUTE_NOT_FOUND", "no route fits this host, path and method");
  }
  const { pool } = route.target;
  const context: RequestContext = { route };
  if (pool.view.snapshot.state !== "pending") return answer(route, parsed, head);
  return waitForNodes(route, config.waitMs).then((state) => {
    if (state === "known") return answer(route, parsed, head);
    // The configuration was replaced meanwhile; the new one may route this elsewhere.
    if (state === "replaced") return routeRequest(head, current);
    return { ...errorReply("DISCOVERY_PENDING", pendingReason(route), pool.service), context };
  });
}

/** The answer to a failure that the engine found. */
export function failureReply(failure: ProxyFailure): Reply {
  const context = failure.context as RequestContext | undefined;
  const tried = failure.tried.length;
  const nodes = `${tried} ${tried === 1 ? "node" : "nodes"}`;
  const reasons: Partial<Record<ProxyFailure["reason"], string>> = {
    no_node: "the service has no node that may receive traffic",
    connect_failed: `${nodes} tried, none could be reached (${failure.detail})`,
    upstream_broke: `the node broke off before its answer (${failure.detail})`,
    upstream_timeout: `${nodes} tried, ${failure.detail}`,
    route_failed: "the request could not be routed",
  };
  return errorReply(
    codeOfFailure[failure.reason],
    reasons[failure.reason] ?? failure.detail,
    context?.route.target.pool.service,
  );
}

function answer(route: RunningRoute, parsed: ParsedTarget, head: RequestHead): Forward | Reply {
  const { pool } = route.target;
  const context: RequestContext = { route };
  if (pool.nodes.length === 0) {
    return { ...errorReply("NO_NODES", noNodesReason(route), pool.service), context };
  }
  const rewritten =
    route.rewrite === undefined
      ? undefined
      : rewriteTarget(route.rewrite, parsed.path, parsed.query);
  return route.target.forward({
    target: rewritten ?? parsed.forward,
    host: route.host,
    upgrade: route.websocket,
    context,
    head,
  });
}

async function waitForNodes(
  route: RunningRoute,
  waitMs: number,
): Promise<"known" | "pending" | "replaced"> {
  const { view } = route.target.pool;
  try {
    await view.ready({ signal: AbortSignal.timeout(waitMs) });
    return "known";
  } catch (error) {
    // Everything else is our own timeout, or the registry's refusal: nothing is known either way.
    return error instanceof DiscoveryError && error.code === "CLOSED" ? "replaced" : "pending";
  }
}

function pendingReason(route: RunningRoute): string {
  const { source, view } = route.target.pool;
  const registry = source.kind === "service" ? source.registry : "fixed";
  const { cause } = view.snapshot;
  return cause === undefined
    ? `the registry ${registry} has not answered yet`
    : `the registry ${registry} has not answered yet (${cause.code})`;
}

function noNodesReason(route: RunningRoute): string {
  const { pool } = route.target;
  if (pool.denied > 0) {
    return `the addresses of all ${pool.denied} routable nodes are denied by the gateway's rules`;
  }
  const { all } = pool.view.snapshot;
  return all.length === 0
    ? "the service has no nodes"
    : `none of the service's ${all.length} nodes is up with a weight above 0`;
}

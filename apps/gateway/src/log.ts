import { subscribe, unsubscribe } from "node:diagnostics_channel";

import type {
  DiscoveryEvent,
  RegistrationEvent,
  RejectedRecord,
  ServiceNode,
} from "@rollcall/core";
import { type Logger, pino } from "pino";

import { showAddress } from "./address.ts";
import type { LogOutput } from "./log-output.ts";
import type { NodeChange } from "./upstream/node-change.ts";

/** Shortest time between two lines about one registry failing in one way, in ms. */
const repeatMs = 30_000;

/** Most nodes or records that one event writes out; the rest is a number. */
const mostShown = 20;

/** JSON lines, written at once. */
export function createLog(output: LogOutput): Logger {
  return pino(
    {
      formatters: { level: (level) => ({ level }) },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "msg",
    },
    output,
  );
}

/** Writes what happens between us and the registries to `log`, until `signal` aborts. */
export function logDiscovery(log: Logger, signal: AbortSignal): void {
  const said = new Map<string, number>();
  // Every service of a registry that is down fails again and again; one line now and then will do.
  const due = (what: string): boolean => {
    const now = performance.now();
    const last = said.get(what);
    if (last !== undefined && now - last < repeatMs) return false;
    said.set(what, now);
    return true;
  };
  const rejections = new Map<string, readonly RejectedRecord[]>();
  const logRejections = (
    where: { readonly registry: string; readonly service: string },
    rejected: readonly RejectedRecord[],
  ): void => {
    const key = `${where.registry} ${where.service}`;
    if (rejections.get(key) === rejected) return;
    rejections.set(key, rejected);
    for (const { key: record, error } of rejected.slice(0, mostShown)) {
      log.warn({ ...where, record, code: error.code }, error.message);
    }
    const more = rejected.length - mostShown;
    if (more > 0) log.warn(where, `${more} more records are not served`);
  };
  const discovery = (message: unknown): void => {
    const event = message as DiscoveryEvent;
    const { registry, query } = event;
    const where = { registry, service: query.service };
    switch (event.kind) {
      case "watch_failed":
        if (!due(`${registry} ${event.error.code}`)) return;
        log.warn(
          { ...where, code: event.error.code, retry_in_ms: Math.round(event.retryInMs) },
          event.error.message,
        );
        return;
      case "verify_failed":
      case "disk_failed":
        log.warn({ ...where, code: event.error.code }, event.error.message);
        return;
      case "nodes_changed": {
        const { added, updated, removed, held, rejected } = event;
        const sizes = { held: held.length, rejected: rejected.length };
        const changes = { added: shown(added), updated: shown(updated), removed: shown(removed) };
        log.info({ ...where, ...changes, ...sizes }, "nodes changed");
        logRejections(where, rejected);
        return;
      }
      case "watch_ended":
        rejections.delete(`${registry} ${query.service}`);
        log.debug(where, "watch ended");
        return;
      case "watch_started":
        log.debug(where, "watch started");
    }
  };
  const registration = (message: unknown): void => {
    const { kind, registry, service, id, error } = message as RegistrationEvent;
    log.info({ registry, service, id, code: error?.code }, error?.message ?? kind);
  };
  subscribe("rollcall:discovery", discovery);
  subscribe("rollcall:registration", registration);
  signal.addEventListener(
    "abort",
    () => {
      unsubscribe("rollcall:discovery", discovery);
      unsubscribe("rollcall:registration", registration);
    },
    { once: true },
  );
}

/** Writes a line for each node that is left out or used again; `worker` says by whom, counted from 1. */
export function nodeChangeLog(log: Logger): (change: NodeChange, worker?: number) => void {
  return ({ registry, service, node, change, cause, forMs, untold }, worker) => {
    const line = {
      registry,
      service,
      node: shownNode(node),
      cause,
      for_ms: forMs,
      worker,
      untold: untold === 0 ? undefined : untold,
    };
    if (change === "ejected") log.warn(line, "node ejected, its requests fail");
    else if (change === "unhealthy") log.warn(line, "node unhealthy, its checks fail");
    else if (change === "healthy") log.info(line, "node healthy again");
    else log.info(line, "node used again");
  };
}

/** Ids and addresses only: what else a node's owner put into its record may be no business of a log. */
function shown(nodes: readonly ServiceNode[]): readonly string[] {
  const texts = nodes.slice(0, mostShown).map(shownNode);
  const more = nodes.length - mostShown;
  return more > 0 ? [...texts, `${more} more`] : texts;
}

function shownNode({ id, host, port }: Pick<ServiceNode, "id" | "host" | "port">): string {
  const address = showAddress({ host, port });
  return id === address ? address : `${id} at ${address}`;
}

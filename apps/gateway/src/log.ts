import { subscribe, unsubscribe } from "node:diagnostics_channel";

import type { DiscoveryEvent, RegistrationEvent } from "@rollcall/core";
import { type Logger, pino } from "pino";

/** Shortest time between two lines about one registry failing in one way, in ms. */
const repeatMs = 30_000;

/** JSON lines on standard output, written at once. */
export function createLog(): Logger {
  return pino(
    {
      formatters: { level: (level) => ({ level }) },
      base: null,
      timestamp: pino.stdTimeFunctions.isoTime,
      messageKey: "msg",
    },
    pino.destination({ dest: 1, sync: true }),
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
        log.info({ ...where, added, updated, removed, held, rejected }, "nodes changed");
        return;
      }
      case "watch_started":
      case "watch_ended":
        log.debug(where, event.kind.replace("_", " "));
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

import assert from "node:assert/strict";
import { subscribe, unsubscribe } from "node:diagnostics_channel";

import { test } from "vitest";

import type { DiscoveryEvent, RegistrationEvent } from "../src/channel.ts";
import { createDiscovery } from "../src/discovery.ts";
import { DiscoveryError } from "../src/error.ts";
import { manualClock, settle } from "./manual-clock.ts";
import { recordScript } from "./record-script.ts";
import { node, nodes, scriptedRegistry } from "./scripted-registry.ts";

function listen(channel: string): Disposable & { readonly events: unknown[] } {
  const events: unknown[] = [];
  const listener = (event: unknown): void => void events.push(event);
  subscribe(channel, listener);
  return { events, [Symbol.dispose]: () => void unsubscribe(channel, listener) };
}

function brief(event: DiscoveryEvent): string {
  if (event.kind === "watch_failed") return `${event.kind} ${event.error.code} ${event.retryInMs}`;
  if (event.kind === "nodes_changed") {
    const { added, updated, removed, held, rejected } = event;
    return `${event.kind} +${added.length} ~${updated.length} -${removed.length} h${held.length} r${rejected.length}`;
  }
  return event.kind;
}

test("discovery tells what happens, and nothing when nothing does", async () => {
  using heard = listen("rollcall:discovery");
  const clock = manualClock();
  const registry = scriptedRegistry();
  const discovery = createDiscovery(registry, { clock, random: () => 0.5 });
  discovery.service("orders");
  registry.last.push(...nodes(0, 4));
  await settle();
  registry.last.push(...nodes(0, 4));
  await settle();
  registry.last.push(node(0, { weight: 1 }), node(1, { port: 81 }), ...nodes(2, 4));
  await settle();
  const error = new DiscoveryError({
    code: "TIMEOUT",
    registry: "scripted",
    operation: "watch",
    reason: "as told",
  });
  registry.last.fail(error);
  await clock.advance(50);
  registry.last.push();
  await clock.advance(30_000);
  registry.reads[0]?.fail(error);
  await clock.advance(50);
  registry.reads[1]?.answer();
  await settle();
  await discovery[Symbol.asyncDispose]();
  const events = heard.events as DiscoveryEvent[];
  assert.deepEqual(events.map(brief), [
    "watch_started",
    "nodes_changed +4 ~0 -0 h0 r0",
    "nodes_changed +1 ~1 -1 h0 r0",
    "watch_failed TIMEOUT 50",
    "nodes_changed +0 ~0 -0 h4 r0",
    "verify_failed",
    "nodes_changed +0 ~0 -4 h0 r0",
    "watch_ended",
  ]);
  for (const event of events) {
    assert.equal(event.registry, "scripted");
    assert.deepEqual(event.query, { service: "orders" });
  }
});

test("registrations tell what happens", async () => {
  using heard = listen("rollcall:registration");
  const script = recordScript();
  const registration = await script.register();
  script.forget();
  await script.clock.advance(10_000);
  script.set("renew", "UNAVAILABLE");
  await script.clock.advance(9_500);
  script.set("remove", "AUTH");
  await registration[Symbol.asyncDispose]();
  const events = heard.events as RegistrationEvent[];
  assert.deepEqual(
    events.map(({ kind, generation, error }) =>
      [kind, generation, error?.code].filter(Boolean).join(" "),
    ),
    [
      "registered 1",
      "lost 1 UNAVAILABLE",
      "registered 2",
      "renew_failed 2 UNAVAILABLE",
      "remove_failed 2 AUTH",
      "closed 2",
    ],
  );
  assert.ok(events.every(({ service, id }) => service === "orders" && id === "n1"));
});

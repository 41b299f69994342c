import assert from "node:assert/strict";
import { getEventListeners } from "node:events";

import { describe, test } from "vitest";

import { createDiscovery, type DiscoveryOptions } from "../src/discovery.ts";
import { DiscoveryError, type ErrorCode } from "../src/error.ts";
import type { NodeSet } from "../src/registry.ts";
import type { Snapshot } from "../src/snapshot.ts";
import { manualClock, settle } from "./manual-clock.ts";
import { ids, node, nodes, type ScriptedOptions, scriptedRegistry } from "./scripted-registry.ts";

function failure(code: ErrorCode): DiscoveryError {
  return new DiscoveryError({ code, registry: "scripted", operation: "watch", reason: "as told" });
}

function setUp(options: DiscoveryOptions = {}, script: ScriptedOptions = {}) {
  const clock = manualClock();
  const registry = scriptedRegistry(script);
  const discovery = createDiscovery(registry, { clock, random: () => 0.5, ...options });
  return { clock, registry, discovery };
}

const isCode =
  (code: ErrorCode) =>
  (error: unknown): boolean =>
    error instanceof DiscoveryError && error.code === code;

describe("sharing", () => {
  test("views of equal queries share one watch and one snapshot", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const views = [
      discovery.service("orders"),
      discovery.service({ service: "orders" }),
      discovery.service({ service: "orders", scope: {} }),
    ];
    assert.equal(registry.watches.length, 1);
    registry.last.push(node(1));
    await settle();
    for (const view of views) assert.equal(view.snapshot, views[0]?.snapshot);
    const scoped = discovery.service({ service: "orders", scope: { group: "a", namespace: "b" } });
    const same = discovery.service({ service: "orders", scope: { namespace: "b", group: "a" } });
    assert.equal(registry.watches.length, 2);
    assert.equal(scoped.snapshot, same.snapshot);
    discovery.service({ service: "orders", scope: { group: "b", namespace: "a" } });
    assert.equal(registry.watches.length, 3);
  });

  test("names that look alike are told apart", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    for (const name of ["a", "A", "a-b", "a/b", 'a"', "a,b", "ä", "__proto__", "constructor"]) {
      discovery.service(name);
    }
    assert.equal(registry.watches.length, 9);
    assert.equal(new Set(registry.watches.map(({ query }) => query.service)).size, 9);
  });

  test("the last view ends the watch; a new one starts another", async () => {
    const { clock, registry, discovery } = setUp();
    await using _ = discovery;
    const [a, b] = [discovery.service("orders"), discovery.service("orders")];
    registry.last.push(node(1));
    await settle();
    a[Symbol.dispose]();
    a[Symbol.dispose]();
    assert.equal(registry.last.signal.aborted, false);
    b[Symbol.dispose]();
    assert.equal(registry.last.signal.aborted, true);
    await settle();
    assert.equal(registry.last.returned, true);
    assert.deepEqual(ids(b.nodes), ["n1"], "a disposed view keeps what it knew");
    const c = discovery.service("orders");
    assert.equal(registry.watches.length, 2);
    assert.equal(c.snapshot.state, "pending");
    assert.equal(clock.timers, 0);
  });
});

describe("ready", () => {
  test("resolves with what is known, at once or when it comes", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const waiting = view.ready();
    registry.last.push();
    const first = await waiting;
    assert.equal(first.state, "fresh");
    assert.equal(await view.ready(), first);
    registry.last.fail(failure("UNAVAILABLE"));
    await settle();
    assert.equal((await view.ready()).state, "stale");
  });

  test("waits through what may pass, and rejects with what will not", async () => {
    const { clock, registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const waiting = view.ready();
    let settled = false;
    void waiting.then(
      () => (settled = true),
      () => (settled = true),
    );
    for (const code of ["UNAVAILABLE", "TIMEOUT", "PROTOCOL"] as const) {
      registry.last.fail(failure(code));
      await clock.advance(1_000);
      assert.equal(settled, false);
    }
    registry.last.fail(failure("AUTH"));
    await assert.rejects(waiting, isCode("AUTH"));
    await assert.rejects(view.ready(), isCode("AUTH"));
    await clock.advance(30_000);
    registry.last.push(node(1));
    await settle();
    assert.equal((await view.ready()).nodes.length, 1, "rights may come later");
  });

  test("rejects with the signal's reason", async () => {
    const { discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const reason = new Error("no time");
    const abort = new AbortController();
    const waiting = view.ready({ signal: abort.signal });
    abort.abort(reason);
    await assert.rejects(waiting, (error) => error === reason);
    await assert.rejects(
      view.ready({ signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    assert.equal(getEventListeners(abort.signal, "abort").length, 0);
  });

  test("rejects when the view or the discovery is disposed", async () => {
    const { discovery } = setUp();
    const [a, b] = [discovery.service("orders"), discovery.service("orders")];
    const [waitingA, waitingB] = [a.ready(), b.ready()];
    a[Symbol.dispose]();
    await assert.rejects(waitingA, isCode("CLOSED"));
    await assert.rejects(a.ready(), isCode("CLOSED"));
    await discovery[Symbol.asyncDispose]();
    await assert.rejects(waitingB, isCode("CLOSED"));
  });
});

describe("iterating", () => {
  test("yields what is known, then each change; dispose ends it without an error", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const seen: Snapshot[] = [];
    const reading = (async () => {
      for await (const snapshot of view) seen.push(snapshot);
    })();
    for (let n = 1; n < 4; n += 1) {
      await settle();
      registry.last.push(...nodes(0, n));
    }
    await settle();
    view[Symbol.dispose]();
    await reading;
    assert.deepEqual(
      seen.map(({ sequence, nodes: { length } }) => `${sequence}:${length}`),
      ["0:0", "1:1", "2:2", "3:3"],
    );
    for await (const _snapshot of view) assert.fail("a disposed view yields nothing");
  });

  test("a slow reader gets the newest", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const slow = view[Symbol.asyncIterator]();
    await slow.next();
    for (let n = 1; n <= 1_000; n += 1) {
      registry.last.push(node(n));
      await Promise.resolve();
    }
    await settle();
    const next = await slow.next();
    assert.equal(next.value, view.snapshot);
    assert.ok(view.nodes.some(({ id }) => id === "n1000"));
    await slow.return?.();
    assert.deepEqual(await slow.next(), { done: true, value: undefined });
  });

  test("any number of readers leave no trace", async () => {
    const { registry, discovery } = setUp();
    await using _ = discovery;
    const view = discovery.service("orders");
    const warnings: string[] = [];
    const listen = (warning: Error): void => void warnings.push(warning.message);
    process.on("warning", listen);
    const readers = Array.from({ length: 100 }, async () => {
      for await (const { state } of view) if (state === "fresh") return;
    });
    await settle();
    registry.last.push(node(1));
    await Promise.all(readers);
    await settle();
    process.off("warning", listen);
    assert.deepEqual(warnings, []);
  });
});

describe("disposing", () => {
  const phases: Readonly<Record<string, (set: ReturnType<typeof setUp>) => unknown>> = {
    "before any answer": () => undefined,
    "between two changes": ({ registry }) => registry.last.push(...nodes(0, 4)),
    "in backoff": async ({ registry }) => {
      registry.last.fail(failure("UNAVAILABLE"));
      await settle();
    },
    "after a refusal": async ({ registry }) => {
      registry.last.fail(failure("AUTH"));
      await settle();
    },
    "with a severe loss that just arrived": async ({ registry }) => {
      registry.last.push(...nodes(0, 4));
      await settle();
      registry.last.push();
    },
    verifying: async ({ registry }) => {
      registry.last.push(...nodes(0, 4));
      await settle();
      registry.last.push();
      await settle();
    },
    "between two verifying reads": async ({ registry }) => {
      registry.last.push(...nodes(0, 4));
      await settle();
      registry.last.push();
      await settle();
      registry.reads[0]?.fail(failure("UNAVAILABLE"));
      await settle();
    },
    "waiting for registrants": async ({ registry, clock }) => {
      registry.last.push(...nodes(0, 4));
      await settle();
      registry.last.fail(failure("UNAVAILABLE"));
      await clock.advance(60);
      registry.last.push();
      await settle();
    },
  };
  for (const deaf of [false, true]) {
    for (const [phase, reach] of Object.entries(phases)) {
      test(`${phase}${deaf ? ", with a registry that hears no abort" : ""}`, async () => {
        const set = setUp({}, { deaf });
        const view = set.discovery.service("orders");
        await reach(set);
        const [watches, reads] = [set.registry.watches.length, set.registry.reads.length];
        await set.discovery[Symbol.asyncDispose]();
        await settle();
        assert.equal(set.clock.timers, 0, "timers left");
        assert.ok(set.registry.watches.every(({ signal }) => signal.aborted));
        assert.ok(set.registry.reads.every(({ settled, signal }) => settled || signal.aborted));
        set.registry.last.push(...nodes(0, 9));
        for (const read of set.registry.reads) read.answer();
        const before = view.snapshot;
        await set.clock.advance(3_600_000);
        assert.equal(set.registry.watches.length, watches, "watches started");
        assert.equal(set.registry.reads.length, reads, "reads started");
        assert.equal(view.snapshot, before);
        await set.discovery[Symbol.asyncDispose]();
      });
    }
  }

  test("a set that arrives together with the end starts nothing", async () => {
    const { clock, registry, discovery } = setUp();
    let arrive: ((result: IteratorResult<NodeSet>) => void) | undefined;
    registry.watch = () => ({
      [Symbol.asyncIterator]: () => ({ next: () => new Promise((resolve) => (arrive = resolve)) }),
    });
    const view = discovery.service("orders");
    arrive?.({ done: false, value: { nodes: nodes(0, 4) } });
    await settle();
    arrive?.({ done: false, value: { nodes: [] } });
    view[Symbol.dispose]();
    await settle();
    assert.equal(registry.reads.length, 0);
    assert.equal(clock.timers, 0);
  });

  test("nothing opens afterwards, and the registry stays the caller's", async () => {
    const { registry, discovery } = setUp();
    let disposed = false;
    registry[Symbol.asyncDispose] = async () => void (disposed = true);
    await discovery[Symbol.asyncDispose]();
    assert.throws(() => discovery.service("orders"), isCode("CLOSED"));
    assert.equal(disposed, false);
  });
});

describe("bad input is refused at once, by name", () => {
  test("queries", () => {
    const { registry, discovery } = setUp();
    const bad: [unknown, RegExp][] = [
      ["", /service/],
      ["x".repeat(256), /255/],
      ["a\nb", /control/],
      [undefined, /service/],
      [null, /service/],
      [7, /service/],
      [{}, /service/],
      [{ service: "a", scope: { dc: "x" } }, /"dc".*group, namespace/],
      [{ service: "a", scope: { group: "" } }, /scope\.group/],
      [{ service: "a", scope: { group: 7 } }, /scope\.group/],
      [{ service: "a", scope: { group: "x".repeat(256) } }, /scope\.group/],
      [{ service: "a", scope: "group" }, /scope/],
      [{ service: "a", scope: JSON.parse('{"__proto__":"x"}') }, /__proto__/],
    ];
    for (const [query, message] of bad) {
      assert.throws(
        () => discovery.service(query as string),
        (error: Error) => isCode("INVALID")(error) && message.test(error.message),
        JSON.stringify(query),
      );
    }
    assert.equal(registry.watches.length, 0);
  });

  test("options", () => {
    const bad: [unknown, RegExp][] = [
      [{ protection: "on" }, /protection/],
      [{ protection: { windowMs: 0 } }, /protection\.windowMs/],
      [{ protection: { returnMs: -1 } }, /protection\.returnMs/],
      [{ backoff: { baseMs: 0 } }, /backoff\.baseMs/],
      [{ backoff: { capMs: Number.NaN } }, /backoff\.capMs/],
      [{ refusedMs: 0 }, /refusedMs/],
      [{ readTimeoutMs: "5" }, /readTimeoutMs/],
      [{ snapshotDelayMs: -1 }, /snapshotDelayMs/],
      [{ snapshotDir: "" }, /snapshotDir/],
      [{ snapshotDir: 7 }, /snapshotDir/],
      [{ random: 7 }, /random must be a function/],
      [{ snapshotdir: "x" }, /snapshotdir is not an option; there are .*snapshotDir/],
      [{ backoff: { maxMs: 1 } }, /backoff\.maxMs is not an option; there are baseMs, capMs/],
      [{ protection: { forMs: 1 } }, /protection\.forMs is not an option/],
      [null, /options must be an object/],
    ];
    for (const [options, message] of bad) {
      assert.throws(
        () => createDiscovery(scriptedRegistry(), options as DiscoveryOptions),
        (error: Error) => isCode("INVALID")(error) && message.test(error.message),
        JSON.stringify(options),
      );
    }
  });
});

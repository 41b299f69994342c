import assert from "node:assert/strict";

import { describe, test } from "vitest";

import type { DiscoveryError } from "../src/error.ts";
import { settle } from "./manual-clock.ts";
import { node } from "./scripted-registry.ts";
import { recordScript, type RecordScript, ttlMs } from "./record-script.ts";

/** Nothing may happen after the end, however long one waits. */
async function staysGone(script: RecordScript): Promise<void> {
  const calls = script.log.length;
  await script.clock.advance(100 * ttlMs);
  assert.equal(script.log.length, calls, script.log.join(", "));
  assert.equal(script.clock.timers, 0, "timers left");
  assert.equal(script.active, 0, "calls left");
}

describe("after deregister nothing puts it back", () => {
  test("between two heartbeats", async () => {
    const script = recordScript();
    const registration = await script.register();
    await registration.deregister();
    assert.deepEqual(script.verbs, ["put", "remove"]);
    assert.equal(script.stored, undefined);
    assert.equal(registration.state.phase, "closed");
    await staysGone(script);
  });

  test("during a renewal: the removal comes after it", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.set("renew", "deaf");
    await script.clock.advance(9_500);
    const closing = registration.deregister();
    await settle();
    assert.deepEqual(script.verbs, ["put", "renew"]);
    script.release();
    await closing;
    assert.deepEqual(script.verbs, ["put", "renew", "remove"]);
    await staysGone(script);
  });

  test("during a put: the removal comes after it", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.forget();
    script.set("put", "deaf");
    await script.clock.advance(10_000);
    assert.deepEqual(script.verbs, ["put", "renew", "put"]);
    const closing = registration.deregister();
    await settle();
    script.release();
    await closing;
    assert.equal(script.stored, undefined);
    assert.deepEqual(script.verbs, ["put", "renew", "put", "remove"]);
    await staysGone(script);
  });

  test("during a put that does not answer: it is cut, then removed, and once more", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.forget();
    script.set("put", "hang");
    await script.clock.advance(10_000);
    const closing = registration.deregister();
    await script.clock.advance(500);
    assert.equal(script.verbs.at(-1), "remove");
    // The put was under way all the time, and reaches the backend only now.
    script.arrive(registration.node);
    await script.clock.advance(500);
    await closing;
    assert.equal(script.stored, undefined);
    assert.deepEqual(script.verbs.slice(-2), ["remove", "remove"]);
    await staysGone(script);
  });

  test("after a put that timed out as well", async () => {
    const script = recordScript();
    script.set("put", "hang");
    const abort = new AbortController();
    const registering = script.register({ signal: abort.signal });
    registering.catch(() => undefined);
    await script.clock.advance(5_000);
    abort.abort(new Error("changed our mind"));
    await settle();
    script.arrive(node(1));
    await script.clock.advance(1_000);
    await assert.rejects(registering, /changed our mind/);
    assert.equal(script.stored, undefined);
    await staysGone(script);
  });

  test("during backoff", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.set("renew", "UNAVAILABLE");
    await script.clock.advance(9_600);
    await registration.deregister();
    assert.equal(script.stored, undefined);
    await staysGone(script);
  });

  test("during the wait before it would be entered anew", async () => {
    const script = recordScript();
    const registration = await script.register({ random: () => 0.99 });
    script.forget();
    await script.clock.advance(9_100);
    assert.equal(registration.state.phase, "lost");
    await registration.deregister();
    assert.deepEqual(script.verbs, ["put", "renew", "remove"]);
    await staysGone(script);
  });

  test("during an update, which rejects as closed", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.set("change", "UNAVAILABLE");
    const updating = registration.update({ weight: 1 });
    updating.catch(() => undefined);
    await settle();
    await registration.deregister();
    await assert.rejects(updating, (error: DiscoveryError) => error.code === "CLOSED");
    await assert.rejects(
      registration.update({ weight: 2 }),
      (error: DiscoveryError) => error.code === "CLOSED",
    );
    await staysGone(script);
  });

  test("twice and with dispose at once", async () => {
    const script = recordScript();
    const registration = await script.register();
    await Promise.all([
      registration.deregister(),
      registration.deregister({ drainMs: 50_000 }),
      registration[Symbol.asyncDispose](),
    ]);
    await registration.deregister();
    assert.equal(script.verbs.filter((verb) => verb === "remove").length, 1);
    await staysGone(script);
  });
});

describe("an unreachable backend", () => {
  test("deregister rejects with the cause, after three tries", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.set("remove", "UNAVAILABLE");
    const closing = registration.deregister();
    closing.catch(() => undefined);
    await script.clock.advance(ttlMs);
    await assert.rejects(closing, (error: DiscoveryError) => error.code === "UNAVAILABLE");
    assert.equal(script.verbs.filter((verb) => verb === "remove").length, 3);
    assert.equal(registration.state.phase, "closed");
    await staysGone(script);
  });

  test("deregister rejects at the deadline when no answer comes", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.set("remove", "hang");
    const closing = registration.deregister();
    closing.catch(() => undefined);
    await script.clock.advance(5_000);
    await assert.rejects(closing, (error: DiscoveryError) => error.code === "TIMEOUT");
    await staysGone(script);
  });

  test("a removal has a second, however short the lease", async () => {
    const script = recordScript();
    const registration = await script.register({ ttlMs: 300 });
    script.set("remove", "hang");
    let ended = false;
    const closing = registration.deregister().catch(() => (ended = true));
    await script.clock.advance(999);
    assert.equal(ended, false);
    await script.clock.advance(1);
    await closing;
    assert.equal(ended, true);
    await staysGone(script);
  });

  test("rights are not asked for twice", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.set("remove", "AUTH");
    await assert.rejects(
      registration.deregister(),
      (error: DiscoveryError) => error.code === "AUTH",
    );
    assert.equal(script.verbs.filter((verb) => verb === "remove").length, 1);
  });

  test("dispose resolves", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.set("remove", "UNAVAILABLE");
    const closing = registration[Symbol.asyncDispose]();
    await script.clock.advance(ttlMs);
    await closing;
    await staysGone(script);
  });
});

describe("draining", () => {
  test("is shown, waited for, then removed", async () => {
    const script = recordScript();
    const registration = await script.register();
    const closing = registration.deregister({ drainMs: 5_000 });
    await script.clock.advance(4_999);
    assert.equal(script.stored?.status, "draining");
    assert.equal(registration.node.status, "draining");
    await script.clock.advance(1);
    await closing;
    assert.deepEqual(script.verbs, ["put", "change", "remove"]);
    await staysGone(script);
  });

  test("longer than the TTL keeps the heartbeats", async () => {
    const script = recordScript();
    const registration = await script.register();
    const closing = registration.deregister({ drainMs: 2 * ttlMs });
    await script.clock.advance(2 * ttlMs - 1);
    assert.ok(script.verbs.filter((verb) => verb === "renew").length >= 5);
    assert.equal(script.stored?.status, "draining");
    await script.clock.advance(1);
    await closing;
    await staysGone(script);
  });

  test("is skipped when the backend cannot be told", async () => {
    const script = recordScript();
    const registration = await script.register();
    script.set("change", "UNAVAILABLE");
    const closing = registration.deregister({ drainMs: 600_000 });
    await script.clock.advance(6_000);
    await closing;
    assert.equal(script.stored, undefined);
    await staysGone(script);
  });

  test("is cut short by an abort, a second deregister and dispose", async () => {
    const cuts: ((
      registration: Awaited<ReturnType<RecordScript["register"]>>,
      abort: AbortController,
    ) => unknown)[] = [
      (_, abort) => abort.abort(new Error("hurry")),
      (registration) => registration.deregister(),
      (registration) => registration[Symbol.asyncDispose](),
    ];
    for (const cut of cuts) {
      const script = recordScript();
      const registration = await script.register();
      const abort = new AbortController();
      const closing = registration
        .deregister({ drainMs: 600_000, signal: abort.signal })
        .catch((error: Error) => error.message);
      await script.clock.advance(1_000);
      assert.equal(script.stored?.status, "draining");
      await cut(registration, abort);
      assert.equal(await closing, abort.signal.aborted ? "hurry" : undefined);
      await settle();
      assert.equal(script.stored, undefined);
      await staysGone(script);
    }
  });
});

describe("an aborted entry leaves nothing behind", () => {
  test("before it began", async () => {
    const script = recordScript();
    const reason = new Error("never mind");
    await assert.rejects(
      script.register({ signal: AbortSignal.abort(reason) }),
      (error) => error === reason,
    );
    assert.deepEqual(script.log, []);
  });

  for (const behaviour of ["hang", "deaf", "UNAVAILABLE"] as const) {
    test(`while the put is in ${behaviour}`, async () => {
      const script = recordScript();
      script.set("put", behaviour);
      const abort = new AbortController();
      const entering = script.register({ signal: abort.signal });
      entering.catch(() => undefined);
      await script.clock.advance(120);
      const reason = new Error("never mind");
      abort.abort(reason);
      await script.clock.advance(10);
      script.release();
      await script.clock.advance(ttlMs);
      await assert.rejects(entering, (error) => error === reason);
      assert.equal(script.stored, undefined);
      assert.equal(script.verbs.at(-1), "remove");
      await staysGone(script);
    });
  }

  test("though the backend is gone as well: it ends at the deadline", async () => {
    const script = recordScript();
    script.set("put", "hang");
    script.set("remove", "hang");
    const abort = new AbortController();
    const entering = script.register({ signal: abort.signal });
    entering.catch(() => undefined);
    await settle();
    abort.abort(new Error("never mind"));
    await script.clock.advance(6_000);
    await assert.rejects(entering, /never mind/);
    await staysGone(script);
  });

  for (const code of ["AUTH", "UNSUPPORTED", "INVALID", "CONFLICT"] as const) {
    test(`refused with ${code}: rejects at once`, async () => {
      const script = recordScript();
      script.set("put", code);
      await assert.rejects(script.register(), (error: DiscoveryError) => error.code === code);
      assert.equal(script.verbs.filter((verb) => verb === "put").length, 1);
      await staysGone(script);
    });
  }
});

test("states: first, each loss and return, closed; a late reader sees the newest only", async () => {
  const script = recordScript();
  const registration = await script.register();
  const seen: string[] = [];
  const reading = (async () => {
    for await (const { phase, generation } of registration) seen.push(`${phase} ${generation}`);
  })();
  for (let n = 0; n < 2; n += 1) {
    await settle();
    script.forget();
    await script.clock.advance(10_000);
  }
  const late = registration[Symbol.asyncIterator]();
  await registration.deregister();
  await reading;
  assert.deepEqual(seen, [
    "registered 1",
    "lost 1",
    "registered 2",
    "lost 2",
    "registered 3",
    "closed 3",
  ]);
  assert.equal((await late.next()).value?.phase, "closed");
  assert.equal((await late.next()).done, true);
  assert.ok(Object.isFrozen(registration.state));
});

test("onClosed is told once, before the removal", async () => {
  const script = recordScript();
  const told: number[] = [];
  const registration = await script.register({ onClosed: () => told.push(script.log.length) });
  await Promise.all([registration.deregister(), registration[Symbol.asyncDispose]()]);
  assert.deepEqual(told, [1]);
});

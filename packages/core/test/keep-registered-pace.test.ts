import assert from "node:assert/strict";

import { describe, test } from "vitest";

import type { DiscoveryError } from "../src/error.ts";
import type { Registration } from "../src/registry.ts";
import { settle } from "./manual-clock.ts";
import { recordScript, refusal, ttlMs } from "./record-script.ts";

function summary({ state }: Registration): string {
  return `${state.phase} ${state.generation}${state.cause === undefined ? "" : ` ${state.cause.code}`}`;
}

describe("heartbeats", () => {
  test("come at a third of the TTL, a little early and never late", async () => {
    for (const [random, everyMs] of [
      [0, 10_000],
      [0.5, 9_500],
      [0.999, 9_001],
    ] as const) {
      const script = recordScript();
      await using _ = await script.register({ random: () => random });
      await script.clock.advance(everyMs * 3);
      assert.deepEqual(
        script.log.slice(1),
        [1, 2, 3].map((beat) => `renew@${everyMs * beat} w100`),
      );
    }
  });

  test("a record that is gone is entered again after a short, jittered wait", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.forget();
    await script.clock.advance(9_500);
    assert.equal(summary(registration), "lost 1 UNAVAILABLE");
    await script.clock.advance(500);
    assert.deepEqual(script.log, ["put@0 w100", "renew@9500 w100", "put@10000 w100"]);
    assert.equal(summary(registration), "registered 2");
    await script.clock.advance(9_500);
    assert.equal(script.log.at(-1), "renew@19500 w100");
  });

  test("it comes back however often it is lost", async () => {
    const script = recordScript();
    await using registration = await script.register();
    for (let generation = 2; generation < 30; generation += 1) {
      script.forget();
      await script.clock.advance(10_000);
      assert.equal(summary(registration), `registered ${generation}`);
      assert.ok(script.stored);
    }
  });

  test("a stall longer than the TTL ends in a renewal that decides", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.forget();
    // The machine slept: the timer fires late and all at once.
    await script.clock.advance(10 * ttlMs);
    assert.equal(summary(registration), "registered 2");
    assert.ok(script.stored);
  });

  test("failures back off, capped at a third of the TTL, and are no loss before the TTL is over", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("renew", "UNAVAILABLE");
    await script.clock.advance(9_500);
    assert.equal(summary(registration), "registered 1");
    const waits: number[] = [];
    for (let n = 0; n < 12; n += 1) {
      waits.push(script.clock.nextInMs ?? 0);
      await script.clock.advance(script.clock.nextInMs ?? 0);
    }
    assert.deepEqual(waits.slice(0, 4), [50, 100, 200, 400]);
    assert.ok(Math.max(...waits) <= ttlMs / 3);
    assert.equal(summary(registration), "lost 1 UNAVAILABLE");
    script.set("renew", "ok");
    await script.clock.advance(ttlMs / 3);
    // The backend still had it, so it was never entered anew.
    assert.equal(summary(registration), "registered 1");
  });

  test("a loss of rights is tried again slowly, for ever", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("renew", "AUTH");
    await script.clock.advance(20 * ttlMs);
    const tries = script.verbs.filter((verb) => verb === "renew").length;
    assert.ok(tries <= 61, `${tries} tries in 60 thirds`);
    assert.equal(summary(registration), "lost 1 AUTH");
    script.set("renew", "gone");
    script.set("put", "ok");
    await script.clock.advance(ttlMs);
    assert.equal(registration.state.generation > 1, true);
  });

  test("a call that never answers ends at its deadline and is tried again", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("renew", "deaf");
    await script.clock.advance(ttlMs * 2);
    assert.equal(summary(registration), "lost 1 TIMEOUT");
    script.set("renew", "ok");
    await script.clock.advance(ttlMs);
    assert.equal(summary(registration), "registered 1");
  });

  test("a conflict ends all writing, though an update is asked for at that very time", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("renew", "deaf");
    await script.clock.advance(9_500);
    const updating = registration.update({ weight: 7 });
    updating.catch(() => undefined);
    script.set("renew", "ok");
    script.set("change", "CONFLICT");
    script.release();
    await script.clock.advance(ttlMs);
    await assert.rejects(updating, (error: DiscoveryError) => error.code === "CONFLICT");
    const calls = script.log.length;
    await script.clock.advance(100 * ttlMs);
    assert.equal(script.log.length, calls);
    assert.equal(summary(registration), "lost 1 CONFLICT");
    await assert.rejects(
      registration.update({ weight: 8 }),
      (error: DiscoveryError) => error.code === "CONFLICT",
    );
    await registration.deregister();
    assert.ok(!script.verbs.includes("remove"), "the record is somebody else's");
    assert.equal(registration.state.phase, "closed");
  });

  test("a conflict in a renewal that an update overtakes does not fight either", async () => {
    const script = recordScript();
    let conflict: (() => void) | undefined;
    await using registration = await script.register({
      renew: () =>
        new Promise((_, reject) => {
          conflict = () => reject(refusal("CONFLICT"));
        }),
    });
    await script.clock.advance(9_500);
    const updating = registration.update({ weight: 7 });
    updating.catch(() => undefined);
    conflict?.();
    await script.clock.advance(10 * ttlMs);
    await assert.rejects(updating, (error: DiscoveryError) => error.code === "CONFLICT");
    assert.deepEqual(script.verbs, ["put"]);
  });
});

describe("updates", () => {
  test("one call brings the newest of several patches", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("change", "deaf");
    const first = registration.update({ weight: 1 });
    await settle();
    const rest = [
      registration.update({ weight: 2 }),
      registration.update({ metadata: { a: "b" } }),
    ];
    script.set("change", "ok");
    script.release();
    await Promise.all([first, ...rest]);
    assert.deepEqual(script.log, ["put@0 w100", "change@0 w1", "change@0 w2"]);
    assert.equal(script.stored?.metadata["a"], "b");
    assert.equal(registration.node, script.stored);
  });

  test("without a change call the record is put", async () => {
    const script = recordScript(false);
    await using registration = await script.register();
    await registration.update({ weight: 3 });
    assert.deepEqual(script.log, ["put@0 w100", "put@0 w3"]);
    assert.equal(summary(registration), "registered 1");
  });

  test("a bad patch is refused and changes nothing", async () => {
    const script = recordScript();
    await using registration = await script.register();
    await assert.rejects(
      registration.update({ weight: -1 }),
      (error: DiscoveryError) => error.code === "INVALID",
    );
    assert.equal(registration.node.weight, 100);
    assert.deepEqual(script.verbs, ["put"]);
  });

  test("what the backend refuses for good is given up, and the heartbeats go on", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("change", "UNSUPPORTED");
    await assert.rejects(
      registration.update({ weight: 5 }),
      (error: DiscoveryError) => error.code === "UNSUPPORTED",
    );
    assert.equal(registration.node.weight, 100);
    await script.clock.advance(3 * ttlMs);
    assert.equal(summary(registration), "registered 1");
    assert.equal(script.verbs.filter((verb) => verb === "change").length, 1);
    assert.equal(script.verbs.filter((verb) => verb === "renew").length, 9);
  });

  test("refused updates without end do not put off the heartbeats", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("change", "INVALID");
    for (let n = 0; n < 60; n += 1) {
      await script.clock.advance(1_000);
      await assert.rejects(registration.update({ weight: n }));
    }
    assert.ok(script.verbs.filter((verb) => verb === "renew").length >= 5);
  });

  test("a change that keeps failing costs no heartbeat, and lands when it can", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("change", "UNAVAILABLE");
    const updating = registration.update({ weight: 5 });
    await script.clock.advance(5 * ttlMs);
    const beats = script.log
      .filter((line) => line.startsWith("renew"))
      .map((line) => Number.parseInt(line.slice(6), 10));
    assert.ok(beats.length >= 14, `${beats.length} heartbeats in 15 thirds`);
    assert.equal(summary(registration), "registered 1");
    script.set("change", "ok");
    await script.clock.advance(ttlMs);
    await updating;
    assert.equal(script.stored?.weight, 5);
  });

  test("an update during a loss is in the record that is entered anew", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.forget();
    script.set("put", "UNAVAILABLE");
    await script.clock.advance(ttlMs);
    const updating = registration.update({ weight: 5, metadata: { a: "1" } });
    assert.equal(registration.node.weight, 5);
    script.set("put", "ok");
    await script.clock.advance(ttlMs);
    await updating;
    assert.equal(script.stored?.weight, 5);
    assert.equal(summary(registration), "registered 2");
    assert.ok(!script.verbs.includes("change"));
  });

  test("an aborted update rejects with the reason; the change is still desired", async () => {
    const script = recordScript();
    await using registration = await script.register();
    script.set("change", "deaf");
    const abort = new AbortController();
    const updating = registration.update({ weight: 5 }, { signal: abort.signal });
    await settle();
    const reason = new Error("enough");
    abort.abort(reason);
    await assert.rejects(updating, (error) => error === reason);
    script.release();
    await settle();
    assert.equal(script.stored?.weight, 5);
  });
});

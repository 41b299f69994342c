import assert from "node:assert/strict";

import type { Discovery } from "@rollcall/core";

import { startChild } from "../child-process.ts";
import { heapBytes } from "../heap.ts";
import type { RuleTest } from "../rule.ts";
import type { TestContext } from "../test-context.ts";
import { throughout, until, within } from "../waiting.ts";

/** How long the suite looks for life after a disposal, in ms. */
const silenceMs = 500;

/** R11: dispose and abort end everything, whatever was going on. */
export const disposalTests: readonly RuleTest[] = [
  {
    rule: "R11",
    title: "dispose ends everything while all is well",
    async run(context) {
      const registry = context.connect();
      const discovery = context.discovery(registry);
      const view = discovery.service(context.service);
      await within("the first snapshot", context.timing.propagationMs, view.ready());
      await context.register(registry, context.node("node-1"));
      await discovery[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
      await isSilent(context);
      await registry[Symbol.asyncDispose]();
      const options = { code: "CLOSED" };
      await assert.rejects(async () => registry.register(context.node("node-2")), options);
      await assert.rejects(async () => context.read(registry), options);
      await assert.rejects(async () => registry.services(), options);
    },
  },
  {
    rule: "R11",
    title: "dispose ends everything while the backend stalls",
    run: (context) => disposeDuring(context, () => context.bed.faults.stall()),
  },
  {
    rule: "R11",
    title: "dispose ends everything during backoff",
    run: (context) => disposeDuring(context, () => context.bed.faults.refuse()),
  },
  {
    rule: "R11",
    title: "abort ends read, watch and register",
    async run(context) {
      const { bed, timing, service } = context;
      const registry = context.connect();
      bed.faults.stall();
      const abort = new AbortController();
      const { signal } = abort;
      const reason = new Error("changed our mind");
      const watching = registry.watch({ service }, signal)[Symbol.asyncIterator]().next();
      const node = context.node("node-1");
      const calls = [
        assert.rejects(registry.read({ service }, signal)),
        assert.rejects(watching),
        assert.rejects(registry.register(node, { ttlMs: timing.ttlMs, signal }), reason),
      ];
      await until("an attempt", timing.propagationMs, () => bed.activity.started > 0);
      abort.abort(reason);
      await within("all calls to end", timing.propagationMs, Promise.all(calls));
      await assert.rejects(registry.read({ service }, signal), "a signal that was aborted before");
    },
  },
  {
    rule: "R11",
    title: "ending a watch early closes what it opened",
    async run(context) {
      const { bed, timing, service } = context;
      const registry = context.connect();
      const stop = new AbortController();
      for await (const _ of registry.watch({ service }, stop.signal)) break;
      stop.abort(new Error("seen enough"));
      await registry[Symbol.asyncDispose]();
      await until("nothing to be open", timing.propagationMs, () => bed.activity.open === 0);
    },
  },
  {
    rule: "R11",
    title: "10⁵ views opened and disposed leave nothing behind",
    long: true,
    async run(context) {
      const discovery = context.discovery();
      await openAndDispose(context, discovery, 1_000);
      const before = await heapBytes();
      await openAndDispose(context, discovery, 100_000);
      const grownBytes = (await heapBytes()) - before;
      assert.ok(grownBytes < 8_388_608, `the heap grew by ${grownBytes} bytes`);
    },
  },
  {
    rule: "R11",
    title: "a process that disposed exits by itself",
    needs: ["child"],
    async run(context) {
      const child = startChild(context);
      await child.view(context.service);
      await child.register(context.node("node-1"));
      await child.disposeAndExit();
    },
  },
  {
    rule: "R11",
    title: "a process that disposed while the backend stalls exits by itself",
    needs: ["child", "link"],
    run: (context) => exitDuring(context, () => context.bed.faults.stall()),
  },
  {
    rule: "R11",
    title: "a process that disposed during backoff exits by itself",
    needs: ["child", "link"],
    run: (context) => exitDuring(context, () => context.bed.faults.refuse()),
  },
];

async function openAndDispose(
  { service, timing }: TestContext,
  discovery: Discovery,
  count: number,
): Promise<void> {
  for (let n = 0; n < count; n += 1) {
    const view = discovery.service(service);
    await within("the first snapshot", timing.propagationMs, view.ready());
    view[Symbol.dispose]();
    // What is weakly held is only let go between two turns of the event loop.
    if (n % 100 === 0) await new Promise((resolve) => setImmediate(resolve));
  }
}

async function disposeDuring(context: TestContext, fail: () => void): Promise<void> {
  const { bed, timing } = context;
  fail();
  const registry = context.connect();
  const discovery = context.discovery(registry);
  const view = discovery.service(context.service);
  const { ttlMs } = timing;
  const registration = registry.register(context.node("node-1"), { ttlMs });
  const ended = [assert.rejects(view.ready()), assert.rejects(registration)];
  await until("an attempt", timing.propagationMs, () => bed.activity.started > 0);
  await within("the disposal", timing.expiryMs, disposed(discovery));
  await within("the disposal", timing.expiryMs, disposed(registry));
  await within("what was pending to end", timing.expiryMs, Promise.all(ended));
  await isSilent(context);
}

async function disposed(one: AsyncDisposable): Promise<void> {
  await one[Symbol.asyncDispose]();
}

async function isSilent({ bed, timing }: TestContext): Promise<void> {
  await until("every connection to close", timing.propagationMs, () => bed.activity.open === 0);
  await acceptances();
  const { started } = bed.activity;
  await throughout(silenceMs, () => {
    assert.equal(bed.activity.started, started, "nothing new starts");
    assert.equal(bed.activity.open, 0, "nothing is open");
  });
}

/**
 * What connected just before the end is counted when it is accepted, by the next whole turn of the event loop:
 * the first of these may come before that turn asks the kernel, the second cannot.
 */
async function acceptances(): Promise<void> {
  for (let turn = 0; turn < 2; turn += 1) await new Promise((resolve) => setImmediate(resolve));
}

async function exitDuring(context: TestContext, fail: () => void): Promise<void> {
  const { bed, timing } = context;
  fail();
  const child = startChild(context);
  await child.attempt(context.node("node-1"));
  await until("an attempt", timing.propagationMs, () => bed.activity.started > 0);
  await child.disposeAndExit();
}

// Runs one scene of a process's life and is expected to end by itself: `node lifetime.child.ts <scene>`.
import { createDiscovery } from "../src/discovery.ts";
import { fixedView } from "../src/fixed.ts";
import { memoryRegistry } from "../src/memory.ts";
import { memoryBackend } from "../src/memory-backend.ts";
import { merge } from "../src/merge.ts";
import { nodes, scriptedRegistry } from "./scripted-registry.ts";

const say = (text: string): void => void process.stdout.write(`${text}\n`);
const turn = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
const input = { service: "orders", host: "10.0.0.1", port: 80 };

const scenes: Readonly<Record<string, () => Promise<unknown>>> = {
  async "disposed after use"() {
    await using registry = memoryRegistry();
    await using discovery = createDiscovery(registry, { snapshotDir: process.argv[3] });
    await registry.register(input);
    const view = discovery.service("orders");
    await view.ready();
    say(String(merge(view, fixedView("orders", [])).nodes.length));
  },
  async "disposed while the registry is silent"() {
    const backend = memoryBackend();
    backend.stall();
    const registry = memoryRegistry({ backend });
    const discovery = createDiscovery(registry);
    const waiting = discovery.service("orders").ready();
    const entering = registry.register(input);
    await turn();
    await discovery[Symbol.asyncDispose]();
    await waiting.catch((error: Error) => say(error.message));
    const ending = registry[Symbol.asyncDispose]();
    backend.recover();
    await ending;
    await entering.catch((error: Error) => say(error.message));
  },
  async "disposed in backoff"() {
    const backend = memoryBackend();
    backend.fail("UNAVAILABLE");
    await using registry = memoryRegistry({ backend });
    await using discovery = createDiscovery(registry, {
      backoff: { baseMs: 600_000, capMs: 600_000 },
    });
    const view = discovery.service("orders");
    await turn();
    say(view.snapshot.cause?.code ?? "no cause");
  },
  async "never disposed, waits and timers only"() {
    const registry = scriptedRegistry();
    registry.watch = () => ({
      [Symbol.asyncIterator]: () => ({ next: () => new Promise(() => undefined) }),
    });
    registry.read = () => new Promise(() => undefined);
    const discovery = createDiscovery(registry, { snapshotDir: process.argv[3] });
    say(discovery.service("orders").snapshot.state);
    await memoryRegistry().register(input);
  },
  async "somebody waits, so it lives on"() {
    const registry = scriptedRegistry();
    const discovery = createDiscovery(registry);
    const view = discovery.service("orders");
    setTimeout(() => registry.last.push(...nodes(0, 2)), 50).unref();
    const keep = setTimeout(() => undefined, 60);
    say(String((await view.ready()).nodes.length));
    clearTimeout(keep);
    await discovery[Symbol.asyncDispose]();
  },
};

await scenes[process.argv[2] ?? ""]?.();
say("end");

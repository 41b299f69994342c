import assert from "node:assert/strict";

import { faultProxy } from "@rollcall/conformance";
import type { Registration } from "@rollcall/core";
import { describeOwnZookeeper, startZookeeper, until } from "@rollcall/testbed";
import { test } from "vitest";

import { World } from "./world.ts";

/** mulberry32: a run can be repeated from its seed. */
function randomOf(seed: number): () => number {
  let state = seed;
  return () => {
    state = (state + 0x6d2b79f5) | 0;
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state);
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed;
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
}

const seed = Number(process.env["ROLLCALL_SEED"] ?? 1);
const rounds = Number(process.env["ROLLCALL_ROUNDS"] ?? 15);

describeOwnZookeeper("whatever the network does", () => {
  const title = `in the end everybody sees what is registered, and nothing else (ROLLCALL_SEED=${seed})`;
  test.each([undefined, "3.5"] as const)(`${title}, release %s`, async (release) => {
    const random = randomOf(seed);
    const oneOf = <T>(list: readonly T[]): T => list[Math.floor(random() * list.length)]!;
    await using server = await startZookeeper({ release });
    await using world = new World();
    const proxy = world.use(await faultProxy({ host: "127.0.0.1", port: server.port }));
    const options = {
      servers: `127.0.0.1:${proxy.port}`,
      sessionTimeoutMs: 1_000,
      timeouts: { connectMs: 300, requestMs: 300 },
    };
    const [first, second, watching] = [
      world.registry(options),
      world.registry(options),
      world.registry(options),
    ];
    const view = world.view(watching, "orders");
    const live = new Map<string, Registration>();
    const leaving: Promise<unknown>[] = [];
    let count = 0;
    for (let round = 0; round < rounds; round += 1) {
      oneOf([
        () => proxy.cut(),
        () => proxy.stall(),
        () => proxy.refuse(),
        () => proxy.halfOpen(),
        () => proxy.restore(),
        () => proxy.restore(),
      ])();
      if (random() < 0.1) {
        await server.kill();
        await server.restart(random() < 0.5 ? "empty" : "kept");
      }
      const leaver = random() < 0.4 ? [...live.keys()][0] : undefined;
      if (leaver !== undefined) {
        // It may not get through: then it must be made up for later.
        leaving.push(
          live
            .get(leaver)!
            .deregister()
            .catch(() => undefined),
        );
        live.delete(leaver);
      }
      for (const registration of live.values()) {
        if (random() < 0.3) {
          registration.update({ metadata: { round: String(round) } }).catch(() => undefined);
        }
      }
      if (live.size < 6) {
        proxy.restore();
        count += 1;
        const id = `node-${count}`;
        const node = { service: "orders", id, host: "10.0.0.1", port: 80 };
        live.set(id, await oneOf([first, second]).register(node));
      }
      // The faults' own pace; nothing is waited for.
      await new Promise((resolve) => setTimeout(resolve, random() * 400));
    }
    proxy.restore();
    await Promise.all(leaving);
    await until(
      () => {
        const shown = new Map(view.nodes.map((one) => [one.id, one.metadata["round"]]));
        const wanted = new Map([...live].map(([id, { node }]) => [id, node.metadata["round"]]));
        assert.deepEqual(shown, wanted);
        assert.equal(view.snapshot.state, "fresh");
        return [...live.values()].every(({ state }) => state.phase === "registered");
      },
      { what: "everybody to agree", deadlineMs: 60_000 },
    );
  });
});

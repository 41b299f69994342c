import type { NodeInput } from "@rollcall/core";

import { type Bed, faultProxy, type Raw, type Subject } from "../../src/index.ts";
import { exampleRegistry, exampleTraits } from "./registry.ts";
import { type ExampleServer, goodToken, startExampleServer } from "./server.ts";

/** The example adapter and its server, for the suite. */
export const exampleSubject: Subject = {
  name: "example",
  traits: exampleTraits,
  timing: { ttlMs: 3_000, expiryMs: 10_000, propagationMs: 20_000, noticeMs: 20_000 },
  lacks: { tokens: "the token does not expire", reset: "a poll has no place to lose" },
  child: { module: new URL("./registry.ts", import.meta.url).href, export: "exampleRegistry" },
  open,
};

async function open(): Promise<Bed> {
  const server = await startExampleServer();
  const proxy = await faultProxy({ host: "127.0.0.1", port: server.port });
  const link = { port: proxy.port, token: goodToken };
  return {
    connect: ({ credentials } = {}) =>
      exampleRegistry(credentials === "wrong" ? { ...link, token: "guess" } : link),
    faults: proxy,
    raw: raw(server),
    activity: {
      get open() {
        return proxy.connections;
      },
      get started() {
        return proxy.accepted;
      },
    },
    link,
    async [Symbol.asyncDispose]() {
      await proxy.close();
      await server.close();
    },
  };
}

function raw(server: ExampleServer): Raw {
  return {
    async put(node) {
      server.put(node.service, node.id, { owner: "someone else", enteredAt: 0, node });
    },
    async putGarbage(service) {
      server.put(service, "garbage", { node: { host: 42 } });
    },
    async corrupt(service, id) {
      server.put(service, id, "scribble");
    },
    async remove(service, id) {
      server.remove(service, id);
    },
    async stored(service, id) {
      const entry = server.get(service, id);
      if (entry === undefined) return undefined;
      const { node } = entry.value as { node?: NodeInput };
      const { status = "up" } = { ...node, ...(entry.override as object) };
      return { serving: status === "up" };
    },
    async override(service, id) {
      const fields = { weight: 7 };
      server.override(service, id, fields);
      return fields;
    },
    async wipe() {
      server.wipe();
    },
  };
}

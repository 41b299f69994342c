import assert from "node:assert/strict";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

import { afterAll, beforeAll, beforeEach, describe, test } from "vitest";

import { runAttack } from "./smuggling/attack.ts";
import { attacks } from "./smuggling/corpus.ts";

describe.each(["plain", "tls"] as const)(
  "no stream is two requests to one and one to another: Node, %s",
  (wire) => {
    const seen: string[] = [];
    const server = createServer((request, response) => {
      request.on("error", () => undefined);
      request.resume().once("end", () => {
        seen.push(request.url ?? "");
        response.end("ok\n");
      });
    });

    beforeAll(() => new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve)));
    beforeEach(() => void seen.splice(0));
    afterAll(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });

    test.each(attacks)("$name", async (attack) => {
      const { port } = server.address() as AddressInfo;
      const targets = await runAttack(attack, { host: "127.0.0.1", port }, wire);
      assert.deepEqual(seen, targets);
    });
  },
);

import assert from "node:assert/strict";

import { afterAll, beforeAll, describe, test } from "vitest";

import { runAttack } from "./smuggling/attack.ts";
import { attacks } from "./smuggling/corpus.ts";
import { type Nginx, nginxProgram, startNginx } from "./smuggling/nginx.ts";

const program = nginxProgram();

if (program === undefined) {
  const sentence = "no nginx on the PATH, the smuggling corpus is not run against it";
  // Who insists on registries insists on everything.
  if (process.env["ROLLCALL_REQUIRE"]) throw new Error(sentence);
  process.stderr.write(`\n${sentence}\n`);
}

describe.skipIf(program === undefined)(
  "no stream is two requests to one and one to another: nginx",
  () => {
    let nginx: Nginx;
    let logged = 0;

    beforeAll(async () => {
      nginx = await startNginx(program!);
    });

    afterAll(async () => {
      const lines = await nginx.log();
      await nginx[Symbol.asyncDispose]();
      assert.deepEqual(
        lines.filter((line) => / \/smuggled/.test(line)),
        [],
      );
    });

    test.each(attacks)("$name", async (attack) => {
      const targets = await runAttack(attack, { path: nginx.path });
      // It writes a line when the answer is out, so that the client may have it earlier. What was broken off is
      // logged with another status, perhaps later still.
      const servedNow = async (): Promise<readonly string[]> =>
        (await nginx.log()).filter((line) => line.startsWith("200 ")).slice(logged);
      let served = await servedNow();
      for (const endMs = performance.now() + 20_000; served.length < targets.length;) {
        assert.ok(
          performance.now() < endMs,
          `only ${served.length} of ${targets.length} are logged`,
        );
        await new Promise((resolve) => setTimeout(resolve, 5));
        served = await servedNow();
      }
      logged += served.length;
      assert.deepEqual(
        served.map((line) => line.split(" ")[2]),
        targets,
      );
    });
  },
);

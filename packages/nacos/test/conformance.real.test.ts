import { conformance } from "@rollcall/conformance";
import { describeOwnNacos, type NacosProcess, startNacos } from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { nacosSubject } from "./nacos-subject.ts";

// A server drops a connection that died without a word 20 to 28 s later.
const timing = { ttlMs: 1_500, expiryMs: 40_000, propagationMs: 15_000, noticeMs: 15_000 };

describeOwnNacos("a real Nacos 3.1", () => {
  let server: NacosProcess;
  beforeAll(async () => {
    server = await startNacos({ version: "3.1" });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    nacosSubject({ name: "Nacos 3.1", version: "3.1", timing, server: () => server }),
  );
});

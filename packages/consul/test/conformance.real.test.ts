import { conformance } from "@rollcall/conformance";
import { type ConsulProcess, describeOwnConsul, startConsul } from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { consulSubject } from "./consul-subject.ts";

const timing = { ttlMs: 1_000, expiryMs: 10_000, propagationMs: 10_000, noticeMs: 10_000 };

describeOwnConsul("a real Consul agent", () => {
  let server: ConsulProcess;
  beforeAll(async () => {
    server = await startConsul();
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    consulSubject({ name: "Consul", timing, server: () => server, canWipe: true }),
  );
});

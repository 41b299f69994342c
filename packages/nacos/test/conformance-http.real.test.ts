import { conformance } from "@rollcall/conformance";
import { describeOwnNacos, type NacosProcess, startNacos } from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { nacosSubject, pushDelay, timing } from "./nacos-subject.ts";

describeOwnNacos("a real Nacos 3.1 that cannot be reached over gRPC", () => {
  let server: NacosProcess;
  beforeAll(async () => {
    server = await startNacos({ version: "3.1", properties: pushDelay });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    nacosSubject({
      name: "Nacos 3.1 over HTTP",
      version: "3.1",
      // Here the lease decides, counted twice, and looked at every five seconds.
      timing: { ...timing, expiryMs: 15_000 },
      server: () => server,
      transport: "http",
      isShared: true,
    }),
  );
});

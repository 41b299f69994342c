import { conformance } from "@rollcall/conformance";
import { describeOwnNacos, type NacosProcess, startNacos } from "@rollcall/testbed";
import { afterAll, beforeAll, describe, test } from "vitest";

import { modeRules, nacosSubject, pushDelay, timing } from "./nacos-subject.ts";

const login = { username: "nacos", password: "p@ss:wörd/%&+ =" };

describeOwnNacos("a real Nacos 2.5", () => {
  let server: NacosProcess;
  beforeAll(async () => {
    server = await startNacos({ version: "2.5", properties: pushDelay });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    nacosSubject({
      name: "Nacos 2.5",
      version: "2.5",
      timing,
      server: () => server,
      rules: modeRules,
    }),
  );

  conformance(
    { describe, test },
    nacosSubject({
      name: "Nacos 2.5 over HTTP",
      version: "2.5",
      timing: { ...timing, expiryMs: 15_000 },
      server: () => server,
      transport: "http",
      isShared: true,
      rules: [...modeRules, "R5", "R6"],
    }),
  );
});

describeOwnNacos("a real Nacos 3.1 with authentication, and without a check of parameters", () => {
  const tokenSeconds = 4;
  let server: NacosProcess;
  beforeAll(async () => {
    server = await startNacos({
      version: "3.1",
      auth: { password: login.password, tokenSeconds },
      settings: { "nacos.core.param.check.enabled": "false" },
      properties: pushDelay,
    });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    nacosSubject({
      name: "Nacos 3.1 with authentication",
      version: "3.1",
      timing: { ...timing, tokenMs: tokenSeconds * 1_000 },
      server: () => server,
      isShared: true,
      login,
      rules: [...modeRules, "R19"],
      options: { registration: { maxMetadataLength: 131_072 } },
    }),
  );
});

describeOwnNacos("a real Nacos 2.5 with authentication", () => {
  const tokenSeconds = 4;
  let server: NacosProcess;
  beforeAll(async () => {
    const auth = { password: login.password, tokenSeconds };
    server = await startNacos({ version: "2.5", auth, properties: pushDelay });
  });
  afterAll(() => server?.stop());

  conformance(
    { describe, test },
    nacosSubject({
      name: "Nacos 2.5 with authentication",
      version: "2.5",
      timing: { ...timing, tokenMs: tokenSeconds * 1_000 },
      server: () => server,
      isShared: true,
      login,
      rules: modeRules,
    }),
  );
});

import { conformance } from "@rollcall/conformance";
import { type EurekaServer, startEurekaServer } from "@rollcall/eureka-server";
import { afterAll, beforeAll, describe, test } from "vitest";

import { eurekaSubject } from "./eureka-subject.ts";

let server: EurekaServer;

beforeAll(async () => {
  server = await startEurekaServer({
    exactLeases: true,
    evictionIntervalMs: 50,
    credentials: { username: "someone", password: "p@ss/word" },
  });
});

afterAll(() => server.close());

conformance(
  { describe, test },
  eurekaSubject({
    name: "eureka-server",
    timing: { ttlMs: 1_000, expiryMs: 5_000, propagationMs: 10_000, noticeMs: 8_000 },
    server: () => ({
      url: server.url.replace("//", "//someone:p%40ss%2Fword@"),
      wipe: () => server.wipe(),
    }),
    canWipe: true,
    hasLogin: true,
  }),
);

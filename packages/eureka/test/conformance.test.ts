import { conformance } from "@rollcall/conformance";
import { startEurekaServer } from "@rollcall/eureka-server";
import { describe, test } from "vitest";

import { eurekaSubject } from "./eureka-subject.ts";

// Each test has a server of its own, so they need not wait for each other, and leases and timeouts can be long enough for
// a machine that has more to do.
conformance(
  { describe, test: test.concurrent },
  eurekaSubject({
    name: "eureka-server",
    timing: { ttlMs: 3_000, expiryMs: 10_000, propagationMs: 20_000, noticeMs: 20_000 },
    options: { timeouts: { connectMs: 1_000, sendMs: 500, readMs: 2_000 } },
    async server() {
      const server = await startEurekaServer({
        exactLeases: true,
        evictionIntervalMs: 50,
        credentials: { username: "someone", password: "p@ss/word" },
      });
      return {
        url: server.url.replace("//", "//someone:p%40ss%2Fword@"),
        wipe: () => server.wipe(),
        stop: () => server.close(),
      };
    },
    canWipe: true,
    hasLogin: true,
  }),
);

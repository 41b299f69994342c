import assert from "node:assert/strict";

import { test } from "vitest";

import { sign } from "../src/signature.ts";

// What com.alibaba.nacos:nacos-client 2.5.1 sent for these keys at these times:
// `sign AKID secret/+key= orders DEFAULT_GROUP` and `sign AKID secret a@@b (no group)`, said to NacosClient.java
// of the testbed, which asks the client's own RamClientAuthServiceImpl.
const golden = [
  {
    secretKey: "secret/+key=",
    subject: "DEFAULT_GROUP@@orders",
    unixMs: 1_795_703_761_553,
    data: "1795703761553@@DEFAULT_GROUP@@orders",
    signature: "OLWTz6rhu+W4lGTjqTpJLvNd/h0=",
  },
  {
    secretKey: "secret",
    subject: "a@@b",
    unixMs: 1_795_703_761_812,
    data: "1795703761812@@a@@b",
    signature: "1KsodA4n0dFrbmHUceu7kDfRpT8=",
  },
] as const;

test.each(golden)("signs $subject as the Java client does", (one) => {
  const { secretKey, subject, unixMs, data, signature } = one;
  assert.deepEqual(sign({ accessKey: "AKID", secretKey }, subject, unixMs), {
    ak: "AKID",
    data,
    signature,
  });
});

test("signs the time alone where there is no service", () => {
  assert.equal(sign({ accessKey: "a", secretKey: "b" }, undefined, 17).data, "17");
});

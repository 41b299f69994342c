import { describe, test } from "vitest";

import { conformance, memorySubject } from "../src/index.ts";

// Each test has a store of its own, so they need not wait for each other.
conformance({ describe, test: test.concurrent }, memorySubject());

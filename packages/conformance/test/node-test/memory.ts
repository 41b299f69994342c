// Run by `node --test` in a process of its own: the suite depends on no runner.
import { describe, test } from "node:test";

import { conformance, memorySubject } from "../../src/index.ts";

conformance({ describe, test }, { ...memorySubject(), rules: ["R1", "R8", "R13", "R18"] });

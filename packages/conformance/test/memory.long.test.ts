import { describe, test } from "vitest";

import { conformance, memorySubject } from "../src/index.ts";

conformance({ describe, test }, { ...memorySubject({ long: true }), rules: ["R10", "R11"] });

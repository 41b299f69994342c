import { describe, test } from "vitest";

import { conformance } from "../src/index.ts";
import { exampleSubject } from "./example/subject.ts";

// Each test has a server of its own, so they need not wait for each other.
conformance({ describe, test: test.concurrent }, exampleSubject);

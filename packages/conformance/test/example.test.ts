import { describe, test } from "vitest";

import { conformance } from "../src/index.ts";
import { exampleSubject } from "./example/subject.ts";

conformance({ describe, test }, exampleSubject);

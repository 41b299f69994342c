import { conformance } from "../src/conformance.ts";
import type { Subject } from "../src/subject.ts";

/** A test the suite defined. */
export interface CollectedTest {
  readonly name: string;
  readonly skipped: boolean;
  readonly body: () => Promise<void>;
}

/** What the suite defines for a subject, without running it. */
export function collect(subject: Subject): readonly CollectedTest[] {
  const tests: CollectedTest[] = [];
  const adding =
    (skipped: boolean) =>
    (name: string, body: () => Promise<void>): void => {
      tests.push({ name, skipped, body });
    };
  const test = Object.assign(adding(false), { skip: adding(true) });
  conformance({ describe: (_, body) => body(), test }, subject);
  return tests;
}

/** Runs tests one by one; gives what those that failed said. */
export async function failuresOf(tests: readonly CollectedTest[]): Promise<string[]> {
  const failures: string[] = [];
  for (const { name, skipped, body } of tests) {
    if (skipped) continue;
    try {
      await body();
    } catch (error) {
      failures.push(`${name}: ${error instanceof Error ? error.message : String(error)}`);
    }
  }
  return failures;
}

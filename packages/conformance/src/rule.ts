import type { RuleId } from "./rule-id.ts";
import type { Ability } from "./subject.ts";
import type { TestContext } from "./test-context.ts";

/** One test of one rule. */
export interface RuleTest {
  readonly rule: RuleId;
  /** Says what is so, without the rule: `re-registers after the lease was lost`. */
  readonly title: string;
  /** What the bed must offer for it. */
  readonly needs?: readonly Ability[] | undefined;
  /** Only when {@link Subject.long} is on. */
  readonly long?: boolean | undefined;
  readonly run: (context: TestContext) => Promise<void>;
}

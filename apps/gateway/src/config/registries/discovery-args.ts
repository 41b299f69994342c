/** What one argument of `discovery_args` may be. */
export interface ArgRule {
  /** Of one name. */
  readonly form: RegExp;
  /** What it must be, for messages: `must be …`. */
  readonly bound: string;
  /** Whether it may be several names, as a list or with commas. */
  readonly isList?: boolean | undefined;
}

/** Arguments by name: the scope keys of a kind of registry. */
export type ArgRules = Readonly<Record<string, ArgRule>>;

/** A name that only the registry itself can judge. */
export const anyName: ArgRule = {
  form: /^[^\u0000-\u001f\u007f]{1,255}$/,
  bound: "must be text of 1 to 255 characters on one line",
};

/** The argument as a scope has it; `undefined` when it breaks the rule. */
export function scopeValue(
  { form, isList = false }: ArgRule,
  given: string | readonly string[],
): string | undefined {
  if (typeof given !== "string" && !isList) return undefined;
  const names = typeof given === "string" ? (isList ? given.split(",") : [given]) : given;
  const trimmed = names.map((name) => (isList ? name.trim() : name));
  const value = trimmed.join(",");
  const isGood = trimmed.length > 0 && trimmed.every((name) => form.test(name));
  return isGood && value.length <= 255 ? value : undefined;
}

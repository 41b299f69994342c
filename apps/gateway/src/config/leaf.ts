import * as z from "zod";

/*
 * The leaves of the schema. Each carries one sentence that says what it wants, used for every way of
 * not being that, so that messages read alike whatever check failed first.
 */

/** A whole number from `min` to `max`. */
export function integer(min: number, max: number): z.ZodType<number> {
  const bound = `must be a whole number from ${min} to ${max}`;
  return z.int(bound).min(min, bound).max(max, bound);
}

/** Any finite number from `min` to `max`; `above` leaves `min` itself out. */
export function decimal(min: number, max: number, above = false): z.ZodType<number> {
  const bound = above
    ? `must be a number above ${min}, up to ${max}`
    : `must be a number from ${min} to ${max}`;
  const number = z.number(bound).max(max, bound);
  return above ? number.gt(min, bound) : number.min(min, bound);
}

/** Text of 1 to `max` characters on one line. */
export function text(max: number, what = "text"): z.ZodType<string> {
  const bound = `must be ${what} of 1 to ${max} characters on one line`;
  return z
    .string(bound)
    .min(1, bound)
    .max(max, bound)
    .regex(/^[^\u0000-\u001f\u007f]*$/, bound);
}

/** Text that has a given form. */
export function pattern(expression: RegExp, bound: string): z.ZodType<string> {
  return z.string(bound).regex(expression, bound);
}

/** `true` or `false`. */
export function flag(): z.ZodType<boolean> {
  return z.boolean("must be true or false");
}

/** One of a few words; words that Apache APISIX knows besides are refused as such. */
export function choice<T extends string>(
  words: readonly T[],
  notYet: readonly string[] = [],
): z.ZodType<T> {
  return z.enum(words, {
    error: ({ input }) =>
      typeof input === "string" && notYet.includes(input)
        ? `must be ${words.join(" or ")}; ${input} is not supported in this version`
        : `must be ${words.join(" or ")}`,
  });
}

/** A TCP port of a node. */
export const nodePort: z.ZodType<number> = integer(1, 65_535);

/** A TCP port to listen on; 0 takes a free one. */
export const listenPort: z.ZodType<number> = integer(0, 65_535);

/** Ids as Apache APISIX allows them: a word or a number from 1. */
export const objectId: z.ZodType<string | number> = z.union(
  [
    z.string().regex(/^[A-Za-z0-9_.-]{1,64}$/),
    z
      .int()
      .min(1)
      .max(2 ** 53 - 1),
  ],
  "must be 1 to 64 letters, digits, dots, hyphens or underscores, or a whole number from 1",
);

/** Keys that describe an object to people and tools and change nothing. */
export const descriptive: {
  readonly name: z.ZodOptional<z.ZodType<string>>;
  readonly desc: z.ZodOptional<z.ZodType<string>>;
  readonly labels: z.ZodOptional<z.ZodType<Record<string, string>>>;
  readonly create_time: z.ZodOptional<z.ZodType<number>>;
  readonly update_time: z.ZodOptional<z.ZodType<number>>;
} = {
  name: z.string("must be text").max(100, "must be text of up to 100 characters").optional(),
  desc: z.string("must be text").max(256, "must be text of up to 256 characters").optional(),
  labels: z.record(z.string(), z.string("must be text"), "must be a map of texts").optional(),
  create_time: z.int("must be a whole number").optional(),
  update_time: z.int("must be a whole number").optional(),
};

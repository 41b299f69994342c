/** Where the key of a request comes from; meanings are those of `hash_on` and `key` of an APISIX upstream. */
export interface HashSpec {
  /**
   * - `vars` (default): `key` names a variable, such as `uri` or `arg_user`;
   * - `header`: `key` names a header field, in any case;
   * - `cookie`: `key` names a cookie, in its case;
   * - `vars_combinations`: `key` is a text with variables in it, such as `$host$uri` or
   *   `${arg_user ?? guest}:${uri}`; `\$` is no variable.
   */
  readonly hashOn?: "vars" | "header" | "cookie" | "vars_combinations" | undefined;
  readonly key: string;
}

/** `$name`, or `${name}` with an optional value for when there is none. */
const variable = /(?<!\\)\$(?:\{\s*([^}?]+?)\s*(?:\?\?\s*([^}]*?)\s*)?\}|([\w.]+))/g;

/**
 * The text by which a request is hashed: the key for a consistent hash.
 *
 * When the variable, header or cookie is missing or empty, or when no variable of a combination has a
 * value, it is the client's address: `lookup("remote_addr")`.
 *
 * @param lookup  Value of a variable, named as in nginx: `uri`, `arg_user`, `http_x_user` for the header
 *   `X-User`, `cookie_session`, `remote_addr`; `undefined` when there is none.
 * @returns Empty only when there is no `remote_addr` either.
 * @see https://apisix.apache.org/docs/apisix/admin-api/#upstream
 */
export function hashKey(spec: HashSpec, lookup: (variable: string) => string | undefined): string {
  const text = valueOf(spec, lookup) ?? "";
  return text === "" ? (lookup("remote_addr") ?? "") : text;
}

function valueOf(
  { hashOn, key }: HashSpec,
  lookup: (variable: string) => string | undefined,
): string | undefined {
  if (hashOn === "header") return lookup(`http_${key.toLowerCase().replaceAll("-", "_")}`);
  if (hashOn === "cookie") return lookup(`cookie_${key}`);
  return hashOn === "vars_combinations" ? combine(key, lookup) : lookup(key);
}

function combine(
  template: string,
  lookup: (variable: string) => string | undefined,
): string | undefined {
  let found = false;
  const text = template.replace(
    variable,
    (_, braced?: string, otherwise = "", bare?: string): string => {
      const value = lookup(braced ?? bare ?? "") || otherwise;
      found ||= value !== "";
      return value;
    },
  );
  return found ? text : undefined;
}

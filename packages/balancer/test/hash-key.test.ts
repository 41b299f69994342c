import assert from "node:assert/strict";

import { test } from "vitest";

import { hashKey, type HashSpec } from "../src/index.ts";

const variables: Readonly<Record<string, string>> = {
  uri: "/a/b",
  host: "example.org",
  arg_user: "7",
  arg_empty: "",
  http_x_user_id: "u1",
  http_empty: "",
  cookie_Session: "s1",
  "post_arg.a.b": "deep",
  remote_addr: "192.0.2.9",
};

test.each<[string, HashSpec, string]>([
  ["a variable, which is the default", { key: "uri" }, "/a/b"],
  ["a variable", { hashOn: "vars", key: "arg_user" }, "7"],
  ["a header in any case", { hashOn: "header", key: "X-User-ID" }, "u1"],
  ["a cookie in its case", { hashOn: "cookie", key: "Session" }, "s1"],
  ["a cookie in another case", { hashOn: "cookie", key: "session" }, "192.0.2.9"],
  ["a combination", { hashOn: "vars_combinations", key: "$host$uri" }, "example.org/a/b"],
  ["with text", { hashOn: "vars_combinations", key: "${ host }|${arg_user}!" }, "example.org|7!"],
  ["with dots", { hashOn: "vars_combinations", key: "$post_arg.a.b" }, "deep"],
  ["with a default", { hashOn: "vars_combinations", key: "${arg_no ?? guest}" }, "guest"],
  ["with a missing one", { hashOn: "vars_combinations", key: "$arg_no-$uri" }, "-/a/b"],
  ["with an escaped one", { hashOn: "vars_combinations", key: "\\$uri$host" }, "\\$uriexample.org"],
  ["nothing but missing ones", { hashOn: "vars_combinations", key: "$arg_no-$x" }, "192.0.2.9"],
  ["a combination without any", { hashOn: "vars_combinations", key: "text" }, "192.0.2.9"],
  ["a missing variable", { key: "arg_no" }, "192.0.2.9"],
  ["an empty variable", { key: "arg_empty" }, "192.0.2.9"],
  ["a missing header", { hashOn: "header", key: "X-No" }, "192.0.2.9"],
  ["an empty header", { hashOn: "header", key: "Empty" }, "192.0.2.9"],
])("%s", (_, spec, expected) => {
  assert.equal(
    hashKey(spec, (name) => variables[name]),
    expected,
  );
});

test("values are not read as templates", () => {
  const spec: HashSpec = { hashOn: "vars_combinations", key: "$arg_a$arg_b" };
  assert.equal(
    hashKey(spec, (name) => (name === "arg_a" ? "$&${uri}" : "$1")),
    "$&${uri}$1",
  );
});

test("empty when nobody knows the address either", () => {
  assert.equal(
    hashKey({ key: "uri" }, () => undefined),
    "",
  );
});

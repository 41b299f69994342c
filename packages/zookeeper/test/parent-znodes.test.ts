import assert from "node:assert/strict";

import { test } from "vitest";

import type { Link } from "../src/client/link.ts";
import type { NewZnode } from "../src/client/requests.ts";
import { ParentZnodes } from "../src/parent-znodes.ts";

const signal = AbortSignal.timeout(10_000);

/** A fake, since no server without containers can be had: only what creating needs, and it forgets nothing. */
function fakeLink({ hasContainers }: { readonly hasContainers: boolean }): {
  readonly link: Link;
  readonly made: string[];
} {
  const made: string[] = [];
  const paths = new Set([""]);
  const create = async ({ path, mode }: NewZnode): Promise<string> => {
    if (mode === "container" && !hasContainers) return "unsupported";
    if (paths.has(path)) return "exists";
    if (!paths.has(path.slice(0, path.lastIndexOf("/")))) return "no-parent";
    paths.add(path);
    made.push(`${mode} ${path}`);
    return "done";
  };
  return { link: { create } as unknown as Link, made };
}

test("the service's znode is a container, those above it stay", async () => {
  const { link, made } = fakeLink({ hasContainers: true });
  await new ParentZnodes("zookeeper", "/app/services", []).create(
    link,
    "/app/services/orders/1",
    signal,
  );
  assert.deepEqual(made, [
    "persistent /app",
    "persistent /app/services",
    "container /app/services/orders",
  ]);
});

test("at the root of the tree there is only the service's znode to create", async () => {
  const { link, made } = fakeLink({ hasContainers: true });
  await new ParentZnodes("zookeeper", "", []).create(link, "/orders/1", signal);
  assert.deepEqual(made, ["container /orders"]);
});

test("a server without containers gets an ordinary znode at the next attempt", async () => {
  const { link, made } = fakeLink({ hasContainers: false });
  const parents = new ParentZnodes("zookeeper", "/services", []);
  await assert.rejects(parents.create(link, "/services/orders/1", signal), {
    code: "UNAVAILABLE",
    retryable: true,
  });
  await parents.create(link, "/services/orders/1", signal);
  assert.deepEqual(made, ["persistent /services", "persistent /services/orders"]);
});

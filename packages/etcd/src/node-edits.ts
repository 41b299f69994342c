import { defineNode, type ServiceNode } from "@rollcall/core";

/** What an operator changed in our record with etcd's own tools; a metadata key that was taken away is `null`. */
export interface NodeEdits {
  readonly fields: Readonly<Partial<Pick<ServiceNode, (typeof editable)[number]>>>;
  readonly metadata: Readonly<Record<string, string | null>>;
}

const editable = ["weight", "priority", "status", "zone"] as const;

/** Nothing was changed. */
export const noEdits: NodeEdits = { fields: {}, metadata: {} };

/** Whether two nodes are the same but for what an operator may change. */
export function isSamePlace(a: ServiceNode, b: ServiceNode): boolean {
  return a.id === b.id && a.host === b.host && a.port === b.port && a.secure === b.secure;
}

/** What makes `stored` of `own`. */
export function editsBetween(own: ServiceNode, stored: ServiceNode): NodeEdits {
  const fields: Record<string, unknown> = {};
  for (const field of editable) if (own[field] !== stored[field]) fields[field] = stored[field];
  const metadata = Object.create(null) as Record<string, string | null>;
  for (const key of keysOf(own, stored)) {
    const value = stored.metadata[key] ?? null;
    if ((own.metadata[key] ?? null) !== value) metadata[key] = value;
  }
  return { fields, metadata };
}

/** `node` with the operator's changes. */
export function withEdits(node: ServiceNode, edits: NodeEdits): ServiceNode {
  if (edits === noEdits) return node;
  const metadata = Object.create(null) as Record<string, string>;
  for (const [key, value] of Object.entries(node.metadata)) metadata[key] = value;
  for (const [key, value] of Object.entries(edits.metadata)) {
    if (value === null) delete metadata[key];
    else metadata[key] = value;
  }
  return defineNode({ ...node, ...edits.fields, metadata });
}

/** The edits that are left when the owner brings `before` to `now`: its newer word on a field wins. */
export function editsAfter(edits: NodeEdits, before: ServiceNode, now: ServiceNode): NodeEdits {
  const fields = Object.entries(edits.fields).filter(([field]) => {
    const key = field as (typeof editable)[number];
    return before[key] === now[key];
  });
  const metadata = Object.entries(edits.metadata).filter(
    ([key]) => before.metadata[key] === now.metadata[key],
  );
  if (fields.length === 0 && metadata.length === 0) return noEdits;
  return { fields: Object.fromEntries(fields), metadata: Object.fromEntries(metadata) };
}

function keysOf(...nodes: readonly ServiceNode[]): ReadonlySet<string> {
  return new Set(nodes.flatMap(({ metadata }) => Object.keys(metadata)));
}

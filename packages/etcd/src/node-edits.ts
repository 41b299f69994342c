import { defineNode, type ServiceNode } from "@rollcall/core";

const editable = ["weight", "priority", "status", "zone"] as const;
type Editable = (typeof editable)[number];

/** What an operator changed in our record with etcd's own tools. */
export interface NodeEdits {
  readonly fields: Readonly<Partial<Pick<ServiceNode, Editable>>>;
  /** Keys that were added, or have another value. */
  readonly metadata: Readonly<Record<string, string>>;
}

/** Nothing was changed. */
export const noEdits: NodeEdits = { fields: {}, metadata: {} };

/** Whether two nodes are the same one, reached at the same place. */
export function isSamePlace(a: ServiceNode, b: ServiceNode): boolean {
  return a.id === b.id && a.host === b.host && a.port === b.port && a.secure === b.secure;
}

/** Whether `stored` still is `own`, with changes at most. A key that is missing is damage, not a change. */
export function isWhole(own: ServiceNode, stored: ServiceNode): boolean {
  return (
    isSamePlace(own, stored) && Object.keys(own.metadata).every((key) => key in stored.metadata)
  );
}

/** What makes `stored` of `own`. */
export function editsBetween(own: ServiceNode, stored: ServiceNode): NodeEdits {
  const fields = editable.filter((field) => own[field] !== stored[field]);
  const metadata = Object.entries(stored.metadata).filter(
    ([key, value]) => own.metadata[key] !== value,
  );
  return edits(
    fields.map((field) => [field, stored[field]]),
    metadata,
  );
}

/** `node` with the operator's changes. */
export function withEdits(node: ServiceNode, { fields, metadata }: NodeEdits): ServiceNode {
  const merged = Object.fromEntries([
    ...Object.entries(node.metadata),
    ...Object.entries(metadata),
  ]);
  return defineNode({ ...node, ...fields, metadata: merged });
}

/** The edits that are left when the owner brings `before` to `now`: its newer word on a field wins. */
export function editsAfter(
  { fields, metadata }: NodeEdits,
  before: ServiceNode,
  now: ServiceNode,
): NodeEdits {
  return edits(
    Object.entries(fields).filter(([key]) => before[key as Editable] === now[key as Editable]),
    Object.entries(metadata).filter(([key]) => before.metadata[key] === now.metadata[key]),
  );
}

function edits(
  fields: readonly (readonly [string, unknown])[],
  metadata: readonly (readonly [string, string])[],
): NodeEdits {
  // fromEntries defines properties, so that `__proto__` is a key as any other.
  return {
    fields: Object.fromEntries(fields) as NodeEdits["fields"],
    metadata: Object.fromEntries(metadata),
  };
}

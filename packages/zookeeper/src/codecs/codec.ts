import type { DiscoveryError, ServiceNode } from "@rollcall/core";

import type { Owner } from "../owner.ts";

/** A stored record, read: a node, a complaint, or both when only a part of it was nonsense. */
export interface Decoded {
  readonly node?: ServiceNode | undefined;
  readonly error?: DiscoveryError | undefined;
}

/** What a record does not say itself. */
export interface DecodeContext {
  /** Name of the registry, for errors. */
  readonly registry: string;
  readonly service: string;
  /** Name of the record's znode. */
  readonly id: string;
  /** Weight of a node without one. */
  readonly weight: number;
}

/** What operators changed in a record, by key. */
export type Edits = Readonly<Record<string, string>>;

/** What a record of ours is made of, beside the node. */
export interface EncodeContext {
  readonly owner: Owner;
  /** Counts the owner's writes. */
  readonly revision: number;
  /** Unix time in ms. */
  readonly registeredAtMs: number;
  readonly edits: Edits;
}

/** What a record tells about who wrote it, and what was changed in it since. */
export interface Findings {
  /** Undefined when the record does not say. */
  readonly owner: Owner | undefined;
  /** Undefined when it is none of what was written, beyond what operators may change. */
  readonly edits: Edits | undefined;
}

/** The mapping between the data of a znode and a node: pure functions. */
export interface Codec {
  readonly name: "curator" | "dubbo" | "plain";
  /** Whether a record says who wrote it. */
  readonly namesOwner: boolean;
  /** Node fields that survive being written and read. */
  readonly keeps: readonly (keyof ServiceNode)[];
  /** Reads one record. Never throws. */
  decode(data: Buffer, context: DecodeContext): Decoded;
  /** The record of a node; undefined when a node of this status is best not stored at all. */
  encode(node: ServiceNode, context: EncodeContext): Buffer | undefined;
  /**
   * Compares what is stored with the writes that it may come from.
   *
   * @param written  Without operators' changes.
   */
  inspect(stored: Buffer, written: readonly Buffer[]): Findings;
  /** Keys, of those that operators may change, in which two records of one node differ. */
  differences(a: Buffer, b: Buffer): ReadonlySet<string>;
}

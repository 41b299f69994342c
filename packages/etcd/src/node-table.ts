import { isUtf8 } from "node:buffer";

import {
  DiscoveryError,
  type NodeSet,
  type RejectedRecord,
  type ServiceNode,
} from "@rollcall/core";

import type { Codec, RecordPlace } from "./codec.ts";
import type { FollowedSet } from "./follow.ts";
import type { KeyValue } from "./messages.ts";
import { type DecodeContext, decodeStored } from "./stored-node.ts";

/** Whose records a table holds. */
export interface NodeTableContext extends DecodeContext {
  readonly service: string;
  /** The registry's. */
  readonly prefix: string;
}

interface Entry {
  readonly modRevision: number;
  readonly node?: ServiceNode | undefined;
  readonly rejected?: RejectedRecord | undefined;
}

/** The records of one service, each decoded once: a change costs no more than itself. */
export class NodeTable implements FollowedSet {
  readonly #context: NodeTableContext;
  /** By key, as a string of its bytes: hostile keys need not be UTF-8. */
  readonly #entries = new Map<string, Entry>();

  constructor(context: NodeTableContext) {
    this.#context = context;
  }

  replace(kvs: readonly KeyValue[]): void {
    this.#entries.clear();
    for (const kv of kvs) this.put(kv);
  }

  put(kv: KeyValue): void {
    const key = kv.key.toString("latin1");
    const entry = this.#decode(kv);
    if (entry === undefined) this.#entries.delete(key);
    else this.#entries.set(key, entry);
  }

  remove(key: Buffer): void {
    this.#entries.delete(key.toString("latin1"));
  }

  /** The whole set. Of two records of one id, as some ecosystems leave them for a while, the newer counts. */
  nodeSet(): NodeSet {
    const newest = new Map<string, Entry>();
    const rejected: RejectedRecord[] = [];
    for (const entry of this.#entries.values()) {
      if (entry.rejected !== undefined) rejected.push(entry.rejected);
      if (entry.node === undefined) continue;
      const other = newest.get(entry.node.id);
      if (other === undefined || other.modRevision < entry.modRevision) {
        newest.set(entry.node.id, entry);
      }
    }
    const nodes: ServiceNode[] = [];
    for (const { node } of newest.values()) if (node !== undefined) nodes.push(node);
    return { nodes, rejected };
  }

  /** Undefined when the key is none of this service. */
  #decode(kv: KeyValue): Entry | undefined {
    const { codec, prefix, service } = this.#context;
    const { modRevision } = kv;
    const key = kv.key.toString("utf8");
    try {
      if (!isUtf8(kv.key)) throw this.#error("the key is not UTF-8");
      const place = placeOf(codec, key.slice(prefix.length));
      if (place === "unreadable") throw this.#error("the codec cannot read the key");
      if (place?.service !== service) return undefined;
      return { modRevision, node: decodeStored(kv.value, place, this.#context) };
    } catch (error) {
      return { modRevision, rejected: { key, error: error as DiscoveryError } };
    }
  }

  #error(reason: string): DiscoveryError {
    const { registry, service } = this.#context;
    const operation = `decode a record of ${service}`;
    return new DiscoveryError({ code: "RECORD", registry, operation, reason });
  }
}

/** A codec of somebody's own may throw at a key it does not expect. */
function placeOf(codec: Codec, key: string): RecordPlace | "unreadable" | undefined {
  try {
    return codec.locate(key);
  } catch {
    return "unreadable";
  }
}

import { DiscoveryError, type ErrorCode, type ServiceNode } from "@rollcall/core";
import type { RecordCalls } from "@rollcall/core/adapter";

import { type CallLimits, type EtcdClient, isNotFound } from "./client.ts";
import type { Lease, LeaseHolder, Leases } from "./leases.ts";
import type { KeyValue, Write } from "./messages.ts";
import {
  editsAfter,
  editsBetween,
  isSamePlace,
  isWhole,
  noEdits,
  type NodeEdits,
  withEdits,
} from "./node-edits.ts";
import { type DecodeContext, decodeStored } from "./stored-node.ts";

/** What {@link OwnRecord} works with. */
export interface OwnRecordContext extends DecodeContext {
  readonly client: EtcdClient;
  readonly leases: Leases;
  readonly ttlSeconds: number;
  /** The registry's. */
  readonly prefix: string;
  /** Which of this registry's records has a key; the newest registration wins. */
  readonly owners: Map<string, OwnRecord>;
}

/** Rounds of "somebody changed it meanwhile" before a call gives up; the next heartbeat goes on. */
const maxRounds = 5;
/** Values of writes without an answer that are remembered: one of them may be, or become, what is stored. */
const maxUnanswered = 4;

/**
 * The wire calls of one registration.
 *
 * Who owns a record is told by its lease: ours, another one that is alive, or none, when an operator put it
 * with etcdctl. So every form of record has an owner, and nothing of ours stands in the value. Every write is a
 * transaction on the revision that was seen last.
 */
export class OwnRecord implements RecordCalls, LeaseHolder {
  readonly #context: OwnRecordContext;
  readonly #lease: Lease;
  readonly #keyText: string;
  readonly #key: Buffer;
  /** Whether the store has accepted us once: from then on another live owner is younger. */
  #entered = false;
  /** Of the key as we know it; 0: not there. */
  #modRevision = 0;
  readonly #unanswered: Buffer[] = [];
  #edits: NodeEdits = noEdits;
  /** What the store holds, or held until it lost it. */
  #held: ServiceNode | undefined;
  /** Lease of a write that was never answered: while it lives, the write may still be done. */
  #doubtful: bigint | undefined;
  #isReleased = false;

  constructor(context: OwnRecordContext, node: ServiceNode) {
    this.#context = context;
    this.#lease = context.leases.acquire(context.ttlSeconds, this);
    this.#keyText = context.prefix + context.codec.encode(node).key;
    this.#key = Buffer.from(this.#keyText, "utf8");
  }

  readonly put = async (node: ServiceNode, signal: AbortSignal): Promise<void> => {
    await this.#write(node, signal);
    this.#context.owners.set(this.#keyText, this);
    this.#entered = true;
    this.#held = node;
  };

  readonly change = async (
    node: ServiceNode,
    previous: ServiceNode,
    signal: AbortSignal,
  ): Promise<void> => {
    this.#edits = editsAfter(this.#edits, previous, node);
    await this.#write(node, signal);
    this.#held = node;
  };

  readonly move = async (signal: AbortSignal): Promise<void> => {
    if (this.#held !== undefined) await this.#write(this.#held, signal);
  };

  readonly renew = async (node: ServiceNode, signal: AbortSignal): Promise<"held" | "gone"> => {
    this.#refuseSuperseded();
    const { client } = this.#context;
    const lease = this.#lease;
    const [isAlive, stored] = await Promise.all([
      lease.keep(),
      client.get(this.#key, this.#operation("look at"), this.#limits(signal)),
    ]);
    if (!isAlive) return "gone";
    this.#refuseOther(stored);
    const isWanted = this.#valueOf(node) !== undefined;
    if (stored === undefined) return isWanted ? "gone" : "held";
    const isUnderLease = stored.lease === lease.id;
    if (isWanted && isUnderLease && stored.modRevision === this.#modRevision) return "held";
    if (isWanted && !this.#learn(node, stored)) return "gone";
    this.#modRevision = stored.modRevision;
    // An operator's put took it from under the lease, or a newer lease has come since.
    if (!isUnderLease || !isWanted) await this.#write(node, signal);
    return "held";
  };

  /** Called after {@link release}. */
  readonly remove = async (node: ServiceNode, signal: AbortSignal): Promise<void> => {
    const { owners, client } = this.#context;
    // A younger registration of this process has it.
    if (owners.has(this.#keyText)) return;
    if (this.#doubtful !== undefined) await this.#lease.fence(this.#doubtful, this.#limits(signal));
    const operation = this.#operation("deregister");
    for (let round = 1; round <= maxRounds; round += 1) {
      const { succeeded, found } = await client.writeIf(
        this.#key,
        this.#modRevision,
        { delete: true },
        operation,
        this.#limits(signal),
      );
      if (succeeded || found === undefined || !this.#isOurs(node, found)) return;
      this.#modRevision = found.modRevision;
    }
    throw this.#error("UNAVAILABLE", operation, "the record changes all the time");
  };

  /** Nothing more is written. */
  release(): void {
    if (this.#isReleased) return;
    this.#isReleased = true;
    const { owners, leases } = this.#context;
    if (owners.get(this.#keyText) === this) owners.delete(this.#keyText);
    leases.release(this.#lease, this);
  }

  /** Makes the store hold `node`, and the operator's changes, whatever it holds now. */
  async #write(node: ServiceNode, signal: AbortSignal): Promise<void> {
    const { client } = this.#context;
    const lease = this.#lease;
    const operation = this.#operation("register");
    for (let round = 1; round <= maxRounds; round += 1) {
      this.#refuseSuperseded();
      const id = await lease.granted();
      signal.throwIfAborted();
      const value = this.#valueOf(node);
      const write: Write = value === undefined ? { delete: true } : { put: { value, lease: id } };
      try {
        const limits = this.#limits(signal);
        const answer = await client.writeIf(this.#key, this.#modRevision, write, operation, limits);
        if (answer.succeeded) {
          this.#modRevision = value === undefined ? 0 : answer.header.revision;
          return;
        }
        if (answer.found !== undefined) {
          this.#refuseOther(answer.found);
          if (this.#entered) this.#learn(node, answer.found);
        }
        this.#modRevision = answer.found?.modRevision ?? 0;
      } catch (thrown) {
        if (isNotFound(thrown)) {
          lease.lost(id);
          continue;
        }
        if (!(thrown instanceof DiscoveryError) || thrown.retryable) {
          this.#doubtful = id;
          if (value !== undefined) this.#unanswered.push(value);
          if (this.#unanswered.length > maxUnanswered) this.#unanswered.shift();
        }
        throw thrown;
      }
    }
    throw this.#error("UNAVAILABLE", operation, "the record changes all the time");
  }

  /**
   * Remembers what an operator changed in our record.
   *
   * @returns Whether the record is otherwise ours.
   */
  #learn(node: ServiceNode, stored: KeyValue): boolean {
    if (this.#valueOf(node)?.equals(stored.value) === true) return true;
    // A late write of our own is no operator's word.
    if (this.#unanswered.some((value) => value.equals(stored.value))) return false;
    const own = this.#decode(this.#encode(node), node);
    const found = this.#decode(stored.value, node);
    if (own === undefined || found === undefined || !isWhole(own, found)) return false;
    this.#edits = editsBetween(own, found);
    return true;
  }

  #isOurs(node: ServiceNode, stored: KeyValue): boolean {
    if (stored.lease !== 0n) return this.#lease.has(stored.lease);
    const found = this.#decode(stored.value, node);
    return this.#entered && found !== undefined && isSamePlace(found, node);
  }

  #refuseOther(stored: KeyValue | undefined): void {
    if (!this.#entered || stored === undefined || stored.lease === 0n) return;
    if (this.#lease.has(stored.lease)) return;
    const reason = "a younger process has registered the same id";
    throw this.#error("CONFLICT", this.#operation("keep"), reason);
  }

  /** Two registrations of one process have the same lease; the younger one has the key's entry. */
  #refuseSuperseded(): void {
    const owner = this.#context.owners.get(this.#keyText);
    if (!this.#entered || owner === this) return;
    const reason = "a younger registration of this process has the same id";
    throw this.#error("CONFLICT", this.#operation("keep"), reason);
  }

  #valueOf(node: ServiceNode): Buffer | undefined {
    return this.#encode(withEdits(node, this.#edits));
  }

  #encode(node: ServiceNode): Buffer | undefined {
    const { value } = this.#context.codec.encode(node);
    return value === undefined ? undefined : Buffer.from(value, "utf8");
  }

  /** A value without a weight says nothing about it, so it counts as that of `node`. */
  #decode(value: Buffer | undefined, node: ServiceNode): ServiceNode | undefined {
    if (value === undefined) return undefined;
    const { service, id, weight } = node;
    try {
      return decodeStored(value, { service, id }, { ...this.#context, weight });
    } catch {
      return undefined;
    }
  }

  #limits(signal: AbortSignal): CallLimits {
    return { signal, attemptMs: this.#lease.attemptMs };
  }

  #operation(verb: string): string {
    return `${verb} ${this.#keyText}`;
  }

  #error(code: ErrorCode, operation: string, reason: string): DiscoveryError {
    return new DiscoveryError({ code, registry: this.#context.registry, operation, reason });
  }
}

import { randomBytes } from "node:crypto";

import { DiscoveryError, type ServiceNode } from "@rollcall/core";
import { type RecordCalls, sleep } from "@rollcall/core/adapter";

import { type Decoded, encodeInstance, idOf } from "./codec.ts";
import { fault } from "./fault.ts";
import type { Link } from "./link.ts";
import { lengthOf } from "./metadata.ts";
import type { ServiceKey } from "./names.ts";
import { maxWeight, type ResolvedOptions } from "./options.ts";
import { isYounger, type Owner } from "./owner.ts";
import { RecordMemory } from "./record-memory.ts";
import type { Session } from "./session.ts";
import type { StoredInstance } from "./stored-instance.ts";

/** What {@link OwnRecord} works with. */
export interface OwnRecordContext {
  readonly options: ResolvedOptions;
  readonly link: Link;
  readonly key: ServiceKey;
  readonly cluster: string;
  readonly ttlMs: number;
}

/** How long a write may take to show in lists, in ms: servers put those together anew every half second. */
const showMs = 1_500;

/**
 * The wire calls of one registration, and what must be remembered between them: who owns the record, and in
 * which session it was entered.
 */
export class OwnRecord implements RecordCalls {
  readonly #context: OwnRecordContext;
  #owner: Owner;
  #instance: StoredInstance | undefined;
  #session: Session | undefined;
  /** Whether lists show what was written last. They hide what an operator has disabled. */
  #isShown = false;
  #checkAtMs = 0;

  constructor(context: OwnRecordContext) {
    this.#context = context;
    const generation = context.options.clock.unixMs();
    this.#owner = { generation, token: randomBytes(8).toString("hex"), write: 0 };
  }

  /**
   * Whether servers would take the node.
   *
   * @throws DiscoveryError `INVALID`.
   */
  check(node: ServiceNode): void {
    const { options } = this.#context;
    const { maxMetadataLength } = options.registration;
    const where = { registry: options.name, operation: `register ${node.service}/${node.id}` };
    if (node.weight > maxWeight) {
      const got = `got ${node.weight}`;
      throw fault("INVALID", where, `weight must be at most ${maxWeight} for Nacos, ${got}`);
    }
    const length = lengthOf(this.#encode(node).metadata);
    if (length > maxMetadataLength) {
      const bound = `at most ${maxMetadataLength} characters with what is added to it`;
      const fix = "shorten it, or raise registration.maxMetadataLength when the server takes more";
      throw fault("INVALID", where, `metadata must have ${bound}, got ${length}; ${fix}`);
    }
  }

  readonly put = async (node: ServiceNode, signal: AbortSignal): Promise<void> => {
    const { link, key } = this.#context;
    this.check(node);
    const session = await link.session(signal);
    if (this.#instance === undefined) await this.#becomeYoungest(node, session, signal);
    this.#owner = { ...this.#owner, write: this.#owner.write + 1 };
    const before = this.#instance;
    const instance = this.#encode(node);
    this.#instance = instance;
    try {
      await link.publications.enter(this, key, instance, session, signal);
    } catch (thrown) {
      // What was refused is not there; of anything else nobody knows, so it must be removed in the end.
      if (thrown instanceof DiscoveryError && thrown.code === "INVALID") this.#instance = before;
      throw thrown;
    }
    this.#session = session;
    this.#isShown = await this.#shows(true, node, session, signal);
    this.#checkLater();
  };

  readonly renew = async (node: ServiceNode, signal: AbortSignal): Promise<"held" | "gone"> => {
    const { link, key, options } = this.#context;
    const session = await link.session(signal);
    const instance = this.#instance;
    if (instance === undefined) return "gone";
    if (session !== this.#session) {
      if (instance.ephemeral) return "gone";
      this.#session = session;
      this.#checkAtMs = 0;
    }
    if (!(await session.beat(key, instance, signal))) return "gone";
    if (options.clock.monotonicMs() < this.#checkAtMs) return "held";
    this.#checkLater();
    return this.#look(node, instance, session, signal);
  };

  readonly remove = async (node: ServiceNode, signal: AbortSignal): Promise<void> => {
    const { link, key } = this.#context;
    const instance = this.#instance;
    link.publications.forget(this, key);
    if (instance === undefined) return;
    const release = link.hold();
    try {
      const session = await link.session(signal);
      if (!(await this.#mayLeave(node, instance, session, signal))) return;
      await link.publications.leave(this, key, instance, session, signal);
      await this.#shows(false, node, session, signal);
    } finally {
      release();
    }
  };

  /** Looks at what is stored: whether another process has our id by now, and whether ours is there. */
  async #look(
    node: ServiceNode,
    instance: StoredInstance,
    session: Session,
    signal: AbortSignal,
  ): Promise<"held" | "gone"> {
    const { link, key, options } = this.#context;
    const records = await this.#records(node, session, signal);
    const younger = records.some(
      ({ owner }) =>
        owner !== undefined && owner.token !== this.#owner.token && isYounger(owner, this.#owner),
    );
    if (younger) {
      await this.#giveUp(node, instance, session, signal);
      const where = { registry: options.name, operation: `register ${node.service}/${node.id}` };
      throw fault("CONFLICT", where, "a younger process has registered the same id");
    }
    if (records.some(({ owner }) => owner?.token === this.#owner.token)) {
      this.#isShown = true;
      return "held";
    }
    if (this.#isShown) return "gone";
    // Disabled by an operator, as it seems; written again in case the server has lost it.
    await link.publications.enter(this, key, instance, session, signal);
    return "held";
  }

  /** Takes our record away for another's; without beats it would go by itself, only later. */
  async #giveUp(
    node: ServiceNode,
    instance: StoredInstance,
    session: Session,
    signal: AbortSignal,
  ): Promise<void> {
    const { link, key } = this.#context;
    link.publications.forget(this, key);
    try {
      if (!(await this.#mayLeave(node, instance, session, signal))) return;
      await link.publications.leave(this, key, instance, session, signal);
    } catch {
      // The conflict is what matters.
    }
  }

  /** Whoever enters a record is younger than whoever is there, whatever the clocks say. */
  async #becomeYoungest(node: ServiceNode, session: Session, signal: AbortSignal): Promise<void> {
    for (const { owner } of await this.#records(node, session, signal)) {
      const generation = Math.max(this.#owner.generation, (owner?.generation ?? 0) + 1);
      this.#owner = { ...this.#owner, generation };
    }
  }

  /** Over HTTP a record belongs to its address, so what we would remove may be another's by now. */
  async #mayLeave(
    node: ServiceNode,
    instance: StoredInstance,
    session: Session,
    signal: AbortSignal,
  ): Promise<boolean> {
    if (session.kind === "grpc" && instance.ephemeral) return true;
    const records = await this.#records(node, session, signal);
    const others = records.filter(
      ({ owner, node: other, cluster }) =>
        owner?.token !== this.#owner.token &&
        other?.host === instance.ip &&
        other.port === instance.port &&
        cluster === instance.clusterName,
    );
    return others.length === 0;
  }

  /**
   * Waits until lists show the record, or show it no more, so that whoever asks from now on knows. A while
   * only: lists may never show it, and the server has it all the same.
   */
  async #shows(
    wanted: boolean,
    node: ServiceNode,
    session: Session,
    signal: AbortSignal,
  ): Promise<boolean> {
    const { clock } = this.#context.options;
    const untilMs = clock.monotonicMs() + showMs;
    const { token, write } = this.#owner;
    for (let waitMs = 20; ; waitMs = Math.min(waitMs * 2, 400)) {
      const records = await this.#records(node, session, signal);
      const own = records.filter(({ owner }) => owner?.token === token);
      const isThere = wanted
        ? own.some(({ owner }) => (owner?.write ?? 0) >= write)
        : own.length > 0;
      if (isThere === wanted || clock.monotonicMs() >= untilMs) return isThere;
      await sleep(waitMs, signal, clock);
    }
  }

  /** What is stored under our id. */
  async #records(
    node: ServiceNode,
    session: Session,
    signal: AbortSignal,
  ): Promise<readonly Decoded[]> {
    const { key, options } = this.#context;
    const { hosts } = await session.query(key, signal);
    const memory = new RecordMemory(options, key.service, false);
    return memory
      .decode(hosts.filter((host) => idOf(host) === node.id))
      .filter((decoded) => decoded.node !== undefined);
  }

  #encode(node: ServiceNode): StoredInstance {
    const { options, cluster, ttlMs } = this.#context;
    const { ephemeral } = options.registration;
    return encodeInstance(node, {
      owner: this.#owner,
      cluster,
      ephemeral,
      ttlMs: ephemeral ? ttlMs : undefined,
    });
  }

  #checkLater(): void {
    const { clock, random, registration } = this.#context.options;
    const afterMs = registration.checkEveryMs * (2 / 3 + (2 / 3) * random());
    this.#checkAtMs = clock.monotonicMs() + afterMs;
  }
}

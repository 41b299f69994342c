import { randomUUID } from "node:crypto";

import { DiscoveryError, type ServiceNode } from "@rollcall/core";
import type { RecordCalls } from "@rollcall/core/adapter";

import type { Link, WriteEnd } from "./client/link.ts";
import type { AclEntry, NewZnode, Stored } from "./client/requests.ts";
import type { Session } from "./client/session.ts";
import type { Codec, Edits, Findings } from "./codecs/codec.ts";
import { isYounger, type Owner } from "./owner.ts";
import type { ParentZnodes } from "./parent-znodes.ts";

/** What an {@link OwnRecord} works with. */
export interface OwnRecordContext {
  /** Name of the registry, for errors. */
  readonly registry: string;
  readonly session: Session;
  readonly codec: Codec;
  readonly acl: readonly AclEntry[];
  readonly parents: ParentZnodes;
  /** Path of the record's znode. */
  readonly path: string;
  /** Which of the registry's own registrations has a path now: the last that entered. */
  readonly holders: Map<string, OwnRecord>;
}

/** Rounds of looking and writing until a record that others write at the same time is given up. */
const maxRounds = 10;

/**
 * The wire calls of one registration, and what must be remembered between them: who owns the record, and what
 * operators changed in it.
 *
 * The record lives as long as the session, which pings keep alive. So a renewal only asks whether the session lives,
 * and looks at the record when a watch says that something happened to it, or when the connection is a new one.
 */
export class OwnRecord implements RecordCalls {
  readonly #context: OwnRecordContext;
  readonly #registeredAtMs = Date.now();
  #owner: Owner = { generation: this.#registeredAtMs, uuid: randomUUID() };
  /** Whether the record was ours once: from then on a younger owner is not fought. */
  #entered = false;
  /**
   * The last two writes, without operators' changes: when the newest got no answer, the record may be of either.
   */
  #written: readonly Buffer[] = [];
  #revision = 0;
  #edits: Edits = {};
  /** Session of the newest write: with it the record ends. */
  #sessionId = 0n;
  /** The link on which the record is watched. */
  #link: Link | undefined;
  #unlisten = (): void => undefined;
  /** Something may have happened to the record since it was read. */
  #isDoubtful = true;
  /** How often something did. */
  #events = 0;
  /** The record as it was read last. */
  #stored: Stored | undefined;

  constructor(context: OwnRecordContext) {
    this.#context = context;
  }

  readonly put = async (node: ServiceNode, signal: AbortSignal): Promise<void> => {
    await this.#enter(node, signal);
  };

  readonly change = async (
    node: ServiceNode,
    previous: ServiceNode,
    signal: AbortSignal,
  ): Promise<void> => {
    await this.#enter(node, signal, previous);
  };

  readonly renew = async (node: ServiceNode, signal: AbortSignal): Promise<"held" | "gone"> => {
    const { session } = this.#context;
    if (!session.isAlive) return "gone";
    const link = session.current;
    // Not connected, but within its time: the servers still keep the session.
    if (link === undefined) return "held";
    if (this.#link === link && !this.#isDoubtful) return "held";
    const stored = await this.#read(link, signal);
    if (stored === undefined) return this.#encode(node) === undefined ? "held" : "gone";
    const found = this.#inspect(stored);
    this.#refuseYounger(found);
    if (!this.#isOurs(stored, link, found) || found.edits === undefined) {
      this.#isDoubtful = true;
      return "gone";
    }
    this.#edits = found.edits;
    return "held";
  };

  readonly remove = async (_: ServiceNode, signal: AbortSignal): Promise<void> => {
    const { session, path } = this.#context;
    for (let round = 0; round < maxRounds; round += 1) {
      // Never written, or gone with the session it was written in.
      if (session.id === 0n || session.id !== this.#sessionId) break;
      const link = await session.link(signal);
      if (link.sessionId !== this.#sessionId) break;
      const stored = await link.read(path, signal);
      if (stored === undefined || !this.#isOurs(stored, link, this.#inspect(stored))) break;
      if ((await link.remove(path, stored.stat.version, signal)) !== "changed") break;
    }
    this.leave();
  };

  /** Lets go of the record, whoever has it. */
  leave(): void {
    const { path, holders } = this.#context;
    this.#unlisten();
    if (holders.get(path) === this) holders.delete(path);
  }

  /** Makes the server hold `node` as ours, whatever is there. */
  async #enter(node: ServiceNode, signal: AbortSignal, previous?: ServiceNode): Promise<void> {
    const { session, path, holders } = this.#context;
    const link = await session.link(signal);
    const holder = holders.get(path);
    if (!this.#entered || holder === undefined) holders.set(path, this);
    // Most often there is nothing yet, and later what was read last; a look would only cost time.
    let stored = this.#entered
      ? (this.#known(link) ?? (await this.#read(link, signal)))
      : undefined;
    for (let round = 0; round < maxRounds; round += 1) {
      const found = stored && this.#takeOver(stored, link);
      if (previous !== undefined) this.#forgetEdits(node, previous);
      const data = this.#encode(node, this.#edits);
      const isOurs = stored !== undefined && this.#isOurs(stored, link, found);
      if (data === undefined ? !isOurs : isOurs && stored?.data.equals(data) === true) {
        this.#entered = true;
        return;
      }
      this.#sessionId = link.sessionId;
      const events = this.#events;
      const writing = this.#write(link, stored, this.#next(node), isOurs, signal);
      // The look that follows a write sees it, and sets the watch that every look sets.
      const [end, now] = await Promise.all([writing, this.#read(link, signal)]);
      stored = now;
      // The watch of the look before told of this write; a second event is somebody else's.
      if (end === "done" && now !== undefined && this.#events - events <= 1) {
        this.#isDoubtful = false;
      }
    }
    throw this.#error("UNAVAILABLE", "others change the record all the time");
  }

  /** What to write now, with a revision of its own. */
  #next(node: ServiceNode): Buffer | undefined {
    this.#revision += 1;
    const plain = this.#encode(node);
    if (plain !== undefined) this.#written = [plain, ...this.#written.slice(0, 1)];
    return this.#encode(node, this.#edits);
  }

  async #write(
    link: Link,
    stored: Stored | undefined,
    data: Buffer | undefined,
    isOurs: boolean,
    signal: AbortSignal,
  ): Promise<WriteEnd> {
    const { path, acl, parents } = this.#context;
    const version = stored?.stat.version ?? 0;
    if (data === undefined) return link.remove(path, version, signal);
    const znode: NewZnode = { path, data, acl, mode: "ephemeral" };
    if (stored === undefined) {
      const end = await link.create(znode, signal);
      if (end === "no-parent") await parents.create(link, path, signal);
      return "changed";
    }
    if (isOurs || stored.stat.ephemeralOwner === link.sessionId) {
      return link.write(path, data, version, signal);
    }
    // It would end with another session, or never: it must begin anew with ours.
    return link.replace(version, znode, signal);
  }

  /** A record is there already: ours, that of an earlier life of this process, or another's. */
  #takeOver(stored: Stored, link: Link): Findings {
    const found = this.#inspect(stored);
    if (this.#isOurs(stored, link, found)) {
      if (found.edits !== undefined) this.#edits = found.edits;
      return found;
    }
    if (this.#entered) {
      this.#refuseYounger(found);
      // Where records name nobody, whoever lives and came after us is the younger.
      const { ephemeralOwner } = stored.stat;
      const isForeign = ephemeralOwner !== 0n && ephemeralOwner !== link.sessionId;
      if (!this.#context.codec.namesOwner && isForeign) throw this.#conflict();
    } else if (found.owner !== undefined) {
      const generation = Math.max(this.#owner.generation, found.owner.generation + 1);
      this.#owner = { ...this.#owner, generation };
    }
    return found;
  }

  #refuseYounger({ owner }: Findings): void {
    const holder = this.#context.holders.get(this.#context.path);
    if (holder !== undefined && holder !== this) throw this.#conflict();
    if (owner !== undefined && owner.uuid !== this.#owner.uuid && isYounger(owner, this.#owner)) {
      throw this.#conflict();
    }
  }

  #isOurs(stored: Stored, link: Link, found: Findings | undefined): boolean {
    const { holders, path } = this.#context;
    const holder = holders.get(path);
    return (
      stored.stat.ephemeralOwner === link.sessionId &&
      (holder === undefined || holder === this) &&
      (found?.owner === undefined || found.owner.uuid === this.#owner.uuid)
    );
  }

  /** The owner's newer word wins over an operator's older one on the same thing. */
  #forgetEdits(node: ServiceNode, previous: ServiceNode): void {
    const [now, before] = [this.#encode(node), this.#encode(previous)];
    if (now === undefined || before === undefined) return;
    const own = this.#context.codec.differences(now, before);
    this.#edits = Object.fromEntries(Object.entries(this.#edits).filter(([key]) => !own.has(key)));
  }

  #inspect({ data }: Stored): Findings {
    return this.#context.codec.inspect(data, this.#written);
  }

  #encode(node: ServiceNode, edits: Edits = {}): Buffer | undefined {
    return this.#context.codec.encode(node, {
      owner: this.#owner,
      revision: this.#revision,
      registeredAtMs: this.#registeredAtMs,
      edits,
    });
  }

  /** The record as it must be, for its watch has told nothing since it was read on this link. */
  #known(link: Link): Stored | undefined {
    return this.#link === link && !this.#isDoubtful ? this.#stored : undefined;
  }

  /** Reads the record and watches it from then on. */
  async #read(link: Link, signal: AbortSignal): Promise<Stored | undefined> {
    const { path } = this.#context;
    if (this.#link !== link) {
      this.#unlisten();
      this.#link = link;
      this.#unlisten = link.listen(path, () => {
        this.#isDoubtful = true;
        this.#events += 1;
      });
    }
    this.#isDoubtful = false;
    this.#stored = undefined;
    try {
      const stored = await link.read(path, signal, true);
      this.#stored = stored;
      // Nothing is watched where nothing is.
      if (stored === undefined) this.#isDoubtful = true;
      return stored;
    } catch (error) {
      this.#isDoubtful = true;
      throw error;
    }
  }

  #conflict(): DiscoveryError {
    return this.#error("CONFLICT", "a younger process has registered the same id");
  }

  #error(code: "CONFLICT" | "UNAVAILABLE", reason: string): DiscoveryError {
    const { registry, path } = this.#context;
    return new DiscoveryError({ code, registry, operation: `register ${path}`, reason });
  }
}

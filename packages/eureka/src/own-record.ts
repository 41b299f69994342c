import { randomUUID } from "node:crypto";

import { DiscoveryError, type ServiceNode } from "@rollcall/core";
import { type Clock, type RecordCalls } from "@rollcall/core/adapter";

import { appKey } from "./apps.ts";
import type { EurekaClient } from "./client.ts";
import { wireStatus } from "./codec.ts";
import { encodeInstance, type InstanceBody, registrationBody } from "./instance-body.ts";
import { overrideOf as statedOverride } from "./instance.ts";
import { metadataTexts, statusKey } from "./metadata.ts";
import type { EurekaInstance } from "./options.ts";
import { isYounger, type Owner, ownerOf, ownerToken } from "./owner.ts";
import { isRecord, numberOf } from "./record.ts";

/** What {@link OwnRecord} works with. */
export interface OwnRecordContext {
  readonly client: EurekaClient;
  /** Name for errors. */
  readonly registry: string;
  readonly clock: Clock;
  readonly instance: EurekaInstance;
  readonly renewalIntervalMs: number;
  readonly durationMs: number;
}

type StoredRecord = Readonly<Record<string, unknown>>;

/** One registration as it was sent; its timestamp tells whether the stored record is of it. */
interface Write {
  readonly lastDirtyMs: number;
  readonly body: InstanceBody;
}

/**
 * The wire calls of one registration, and what must be remembered between them: who owns the record, and
 * what operators changed in it with Eureka's own tools.
 */
export class OwnRecord implements RecordCalls {
  readonly #context: OwnRecordContext;
  #owner: Owner;
  /** Whether the server has accepted us once: from then on a younger owner is not fought. */
  #entered = false;
  /** The newest write and the one before: when the newest timed out, the server may have either. */
  #newest: Write | undefined;
  #older: Write | undefined;
  /** Status an operator has put in place of ours. */
  #override: string | undefined;
  /** Metadata an operator has set. */
  #edits: Readonly<Record<string, string>> = {};

  constructor(context: OwnRecordContext) {
    this.#context = context;
    this.#owner = { generation: context.clock.unixMs(), uuid: randomUUID() };
  }

  readonly put = async (node: ServiceNode, signal: AbortSignal): Promise<void> => {
    const stored = await this.#read(node, signal);
    if (stored !== undefined) this.#takeOver(node, stored);
    await this.#enter(node, stored, signal);
  };

  readonly change = async (
    node: ServiceNode,
    previous: ServiceNode,
    signal: AbortSignal,
  ): Promise<void> => {
    const stored = await this.#read(node, signal);
    if (stored !== undefined) this.#takeOver(node, stored);
    // The owner's newer word on a key wins over an operator's older one.
    const [now, before] = [this.#encode(node).metadata, this.#encode(previous).metadata];
    this.#edits = Object.fromEntries(
      Object.entries(this.#edits).filter(([key]) => now[key] === before[key]),
    );
    await this.#enter(node, stored, signal);
  };

  readonly renew = async (node: ServiceNode, signal: AbortSignal): Promise<"held" | "gone"> => {
    const stored = await this.#read(node, signal);
    if (stored === undefined) return "gone";
    this.#refuseYounger(node, stored);
    if (!this.#isOurs(stored) || !this.#learn(stored)) return "gone";
    const overridden = overrideOf(stored) !== undefined;
    if (
      node.status === "draining"
        ? !overridden
        : !overridden && stored["status"] !== wireStatus[node.status]
    ) {
      return "gone";
    }
    const record = { status: wireStatus[node.status], lastDirtyMs: this.#newest?.lastDirtyMs ?? 0 };
    const { app, id } = nameOf(node);
    return (await this.#context.client.renew(app, id, record, signal)) ? "held" : "gone";
  };

  readonly remove = async (node: ServiceNode, signal: AbortSignal): Promise<void> => {
    const stored = await this.#read(node, signal);
    if (stored === undefined || !this.#isOurs(stored)) return;
    const { app, id } = nameOf(node);
    await this.#context.client.cancel(app, id, signal);
  };

  /** Makes the server hold `node`, whatever it holds now. */
  async #enter(
    node: ServiceNode,
    stored: StoredRecord | undefined,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, clock } = this.#context;
    const { app, id } = nameOf(node);
    const override = this.#overrideFor(node);
    const status = wireStatus[node.status];
    if (stored !== undefined && override === undefined && overrideOf(stored) !== undefined) {
      // Only a drain of our own gets here. Undone first: a registration cannot take it away.
      await client.clearStatus(app, id, status, signal);
    }
    const body = this.#encode(node);
    const merged = { ...body, metadata: { ...body.metadata, ...this.#edits } };
    // The server keeps what it has when that is newer, so a clock that went back must not show.
    const lastDirtyMs = Math.max(
      (this.#newest?.lastDirtyMs ?? 0) + 1,
      dirtyOf(stored) + 1,
      clock.unixMs(),
    );
    this.#older = this.#newest;
    this.#newest = { lastDirtyMs, body };
    await client.register(app, registrationBody(merged, node, override, lastDirtyMs), signal);

    // A server keeps silent about what it did not take over.
    const now = await this.#read(node, signal);
    if (now === undefined || !this.#isOurs(now)) {
      throw this.#error("UNAVAILABLE", node, "the server does not show the record it accepted");
    }
    this.#entered = true;
    const shown = overrideOf(now);
    if (override !== undefined && shown !== override) {
      await client.setStatus(app, id, override, signal);
    } else if (shown === undefined && now["status"] !== status) {
      // It keeps UP and OUT_OF_SERVICE of an existing record; an override that comes and goes does not.
      await client.setStatus(app, id, status, signal);
      await client.clearStatus(app, id, status, signal);
    }
  }

  /** A record is there already: ours, that of an earlier life of this process, or another's. */
  #takeOver(node: ServiceNode, stored: StoredRecord): void {
    if (this.#isOurs(stored)) {
      this.#learn(stored);
      return;
    }
    const other = ownerOf(metadataOf(stored));
    if (this.#entered) this.#refuseYounger(node, stored);
    else if (other !== undefined) {
      const generation = Math.max(this.#owner.generation, other.generation + 1);
      this.#owner = { ...this.#owner, generation };
    }
    const override = overrideOf(stored);
    if (override !== undefined && !isOwnDrain(stored)) this.#override = override;
  }

  /**
   * Remembers what operators changed in our record.
   *
   * @returns Whether the record is otherwise what we wrote last.
   */
  #learn(stored: StoredRecord): boolean {
    const override = overrideOf(stored);
    // While we drain, an operator's earlier word is hidden behind our own and waits.
    if (!isOwnDrain(stored)) this.#override = override;
    const written = this.#older?.lastDirtyMs === dirtyOf(stored) ? this.#older : this.#newest;
    if (written === undefined) return false;
    const { body } = written;
    const metadata = metadataOf(stored);
    const edits = Object.create(null) as Record<string, string>;
    for (const [key, value] of Object.entries(metadata)) {
      if (value !== body.metadata[key] && !key.startsWith("rollcall.")) edits[key] = value;
    }
    const isWhole = Object.entries(body.metadata).every(([key, value]) =>
      key.startsWith("rollcall.") ? metadata[key] === value : metadata[key] !== undefined,
    );
    if (isWhole) this.#edits = edits;
    return isWhole && written === this.#newest && hasAddress(stored, body);
  }

  #overrideFor(node: ServiceNode): string | undefined {
    if (node.status !== "draining") return this.#override;
    // Whoever drains must not be kept in service.
    return this.#override === undefined || this.#override === "UP"
      ? wireStatus.draining
      : this.#override;
  }

  #isOurs(stored: StoredRecord): boolean {
    return ownerOf(metadataOf(stored))?.uuid === this.#owner.uuid;
  }

  #refuseYounger(node: ServiceNode, stored: StoredRecord): void {
    const other = ownerOf(metadataOf(stored));
    if (other === undefined || other.uuid === this.#owner.uuid) return;
    if (isYounger(other, this.#owner)) {
      throw this.#error("CONFLICT", node, "a younger process has registered the same id");
    }
  }

  #encode(node: ServiceNode): InstanceBody {
    return encodeInstance(node, { ...this.#context, owner: ownerToken(this.#owner) });
  }

  async #read(node: ServiceNode, signal: AbortSignal): Promise<StoredRecord | undefined> {
    const { app, id } = nameOf(node);
    return this.#context.client.readInstance(app, id, signal);
  }

  #error(code: "CONFLICT" | "UNAVAILABLE", node: ServiceNode, reason: string): DiscoveryError {
    const { app, id } = nameOf(node);
    const { registry } = this.#context;
    return new DiscoveryError({ code, registry, operation: `register ${app}/${id}`, reason });
  }
}

function nameOf({ service, id }: ServiceNode): { readonly app: string; readonly id: string } {
  return { app: appKey(service), id };
}

function metadataOf(stored: StoredRecord): Record<string, string> {
  return metadataTexts(stored["metadata"]);
}

/** An override that a server would take back again. */
function overrideOf(stored: StoredRecord): string | undefined {
  const override = statedOverride(stored) ?? "";
  return /^(UP|DOWN|STARTING|OUT_OF_SERVICE)$/.test(override) ? override : undefined;
}

/** An override that a registrant of ours put in place to drain, not an operator. */
function isOwnDrain(stored: StoredRecord): boolean {
  return metadataOf(stored)[statusKey] === "draining" && overrideOf(stored) === wireStatus.draining;
}

function dirtyOf(stored: StoredRecord | undefined): number {
  const value = numberOf(stored?.["lastDirtyTimestamp"]);
  return Number.isSafeInteger(value) ? value : 0;
}

function hasAddress(stored: StoredRecord, body: InstanceBody): boolean {
  return (
    stored["hostName"] === body.hostName &&
    stored["ipAddr"] === body.ipAddr &&
    samePort(stored["port"], body.port) &&
    samePort(stored["securePort"], body.securePort)
  );
}

function samePort(stored: unknown, ours: InstanceBody["port"]): boolean {
  if (!isRecord(stored) || numberOf(stored["$"]) !== ours.$) return false;
  const flag = stored["@enabled"];
  return (typeof flag === "boolean" ? String(flag) : flag) === ours["@enabled"];
}

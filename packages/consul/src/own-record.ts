import { randomUUID } from "node:crypto";

import { DiscoveryError, type ServiceNode } from "@rollcall/core";
import type { Clock, RecordCalls } from "@rollcall/core/adapter";

import { checkOf, maintenanceCheckId, ownCheckId, ownMaintenance } from "./checks.ts";
import type { AgentRecord, ConsulClient } from "./client.ts";
import { recordId } from "./codec.ts";
import type { Home } from "./home.ts";
import { metaTexts, tagTexts } from "./meta.ts";
import { isYounger, type Owner, ownerOf, ownerToken } from "./owner.ts";
import type { Place } from "./place.ts";
import { encodeRecord, isWritten, type RecordBody } from "./record-body.ts";
import type { ResolvedRegistration } from "./registration-options.ts";
import type { ServerAddress } from "./server-address.ts";

/** What {@link OwnRecord} works with. */
export interface OwnRecordContext {
  readonly client: ConsulClient;
  readonly home: Home;
  /** Name for errors. */
  readonly registry: string;
  readonly clock: Clock;
  readonly place: Place;
  readonly registration: ResolvedRegistration;
  /** Weight of a node of Consul's weight 1. */
  readonly weight: number;
  readonly ttlMs: number;
}

const checkTypes = ["ttl", "http", "tcp"] as const;

/**
 * The wire calls of one registration, and what must be remembered between them: who owns the record, and
 * what operators changed in it with Consul's own tools.
 *
 * The state of our check tells whether the node is alive; a maintenance tells that it is not `up` by its
 * owner's word.
 */
export class OwnRecord implements RecordCalls {
  readonly #context: OwnRecordContext;
  #owner: Owner;
  /** Whether the agent has accepted us once: from then on a younger owner is not fought. */
  #entered = false;
  #written: RecordBody | undefined;
  /** Why an operator has put the record into maintenance. */
  #maintenance: string | undefined;
  /** Tags an operator has set, where the options let them. */
  #tags: readonly string[] | undefined;

  constructor(context: OwnRecordContext) {
    this.#context = context;
    this.#owner = { generation: context.clock.unixMs(), uuid: randomUUID() };
  }

  readonly put = (node: ServiceNode, signal: AbortSignal): Promise<void> =>
    this.#context.home.call((server) => this.#enter(server, node, signal), signal);

  readonly renew = (node: ServiceNode, signal: AbortSignal): Promise<"held" | "gone"> =>
    this.#context.home.call((server) => this.#renew(server, node, signal), signal);

  readonly remove = (node: ServiceNode, signal: AbortSignal): Promise<void> =>
    this.#context.home.leave((server) => this.#remove(server, node, signal));

  /** Makes the agent hold `node`, whatever it holds now. */
  async #enter(server: ServerAddress, node: ServiceNode, signal: AbortSignal): Promise<void> {
    const { client, place } = this.#context;
    const stored = await this.#read(server, node, signal);
    if (stored !== undefined) this.#takeOver(node, stored);
    const body = this.#encode(node);
    const { ID: id, Check: check } = body;
    // Out of service first: what the registration changes may be for afterwards.
    if (stored !== undefined && node.status !== "up")
      await this.#keepOut(server, id, stored, signal);
    const isHeld = stored !== undefined && isWritten(stored, body);
    if (!isHeld) await client.register(server, body, place, signal);
    this.#written = body;
    if (stored !== undefined) {
      await this.#removeOtherChecks(server, id, stored, signal);
    } else if (this.#reasonToBeOut(node) !== undefined) {
      await client.setMaintenance(server, id, this.#reasonToBeOut(node), place, signal);
    }
    // A registration begins the time of a heartbeat anew; a check that was there keeps its state.
    const before = stored === undefined ? check : checkOf(stored.checks, check.CheckID);
    const isPassing = !isHeld && before?.["Status"] === "passing";
    if (this.#context.registration.check === undefined && !isPassing) {
      if (!(await client.pass(server, check.CheckID, place, signal))) {
        throw this.#error("UNAVAILABLE", node, "the agent lost the record it accepted");
      }
    }
    if (stored !== undefined && node.status === "up") await this.#letIn(server, id, stored, signal);
    this.#entered = true;
  }

  async #renew(
    server: ServerAddress,
    node: ServiceNode,
    signal: AbortSignal,
  ): Promise<"held" | "gone"> {
    const { client, place, registration } = this.#context;
    const stored = await this.#read(server, node, signal);
    if (stored === undefined || this.#written === undefined) return "gone";
    this.#refuseYounger(node, stored);
    if (!this.#isOurs(stored)) return "gone";
    this.#learn(node, stored);
    const { ID: id, Check: check } = this.#written;
    if (!isWritten(stored, this.#written)) return "gone";
    const maintenance = maintenanceOf(stored, id);
    const isMisplaced =
      node.status === "up" ? maintenance === ownMaintenance : maintenance === undefined;
    if (isMisplaced) return "gone";
    if (registration.check !== undefined) return "held";
    // Consul keeps a record whose time ran out, out of service, for another minute.
    if (isExpired(checkOf(stored.checks, check.CheckID))) return "gone";
    return (await client.pass(server, check.CheckID, place, signal)) ? "held" : "gone";
  }

  async #remove(server: ServerAddress, node: ServiceNode, signal: AbortSignal): Promise<void> {
    const { client, place } = this.#context;
    const stored = await this.#read(server, node, signal);
    if (stored === undefined || !this.#isOurs(stored)) return;
    await client.deregister(server, recordId(node.service, node.id), place, signal);
  }

  /** A record is there already: ours, that of an earlier life of this process, or another's. */
  #takeOver(node: ServiceNode, stored: AgentRecord): void {
    const other = ownerOf(metaTexts(stored.service["Meta"]));
    if (!this.#isOurs(stored)) {
      if (this.#entered) this.#refuseYounger(node, stored);
      else if (other !== undefined) {
        const generation = Math.max(this.#owner.generation, other.generation + 1);
        this.#owner = { ...this.#owner, generation };
      }
    }
    this.#learn(node, stored);
  }

  /** Remembers what operators changed in the record, for when it must be entered anew. */
  #learn(node: ServiceNode, stored: AgentRecord): void {
    const { service, id } = node;
    const maintenance = maintenanceOf(stored, recordId(service, id));
    // While the node is out of service by its own word, an operator's earlier one is hidden behind it.
    if (maintenance !== ownMaintenance) this.#maintenance = maintenance;
    if (this.#context.registration.enableTagOverride && this.#isOurs(stored)) {
      this.#tags = tagTexts(stored.service["Tags"]);
    }
  }

  /** Why a node that is entered anew is in maintenance from the start. */
  #reasonToBeOut({ status }: ServiceNode): string | undefined {
    return status === "up" ? this.#maintenance : ownMaintenance;
  }

  async #keepOut(
    server: ServerAddress,
    id: string,
    stored: AgentRecord,
    signal: AbortSignal,
  ): Promise<void> {
    if (maintenanceOf(stored, id) !== undefined) return;
    const { client, place } = this.#context;
    await client.setMaintenance(server, id, ownMaintenance, place, signal);
  }

  async #letIn(
    server: ServerAddress,
    id: string,
    stored: AgentRecord,
    signal: AbortSignal,
  ): Promise<void> {
    if (maintenanceOf(stored, id) !== ownMaintenance) return;
    const { client, place } = this.#context;
    await client.setMaintenance(server, id, undefined, place, signal);
    // An operator's, which ours was in front of.
    if (this.#maintenance === undefined) return;
    await client.setMaintenance(server, id, this.#maintenance, place, signal);
  }

  /** Of an earlier life with other options; the agent would run them for ever. */
  async #removeOtherChecks(
    server: ServerAddress,
    id: string,
    stored: AgentRecord,
    signal: AbortSignal,
  ): Promise<void> {
    const { client, place, registration } = this.#context;
    for (const type of checkTypes) {
      if (type === (registration.check?.type ?? "ttl")) continue;
      const checkId = ownCheckId(id, type);
      if (checkOf(stored.checks, checkId) !== undefined) {
        await client.removeCheck(server, checkId, place, signal);
      }
    }
  }

  #isOurs({ service }: AgentRecord): boolean {
    return ownerOf(metaTexts(service["Meta"]))?.uuid === this.#owner.uuid;
  }

  #refuseYounger(node: ServiceNode, { service }: AgentRecord): void {
    const other = ownerOf(metaTexts(service["Meta"]));
    if (other === undefined || other.uuid === this.#owner.uuid) return;
    if (isYounger(other, this.#owner)) {
      throw this.#error("CONFLICT", node, "a younger process has registered the same id");
    }
  }

  #encode(node: ServiceNode): RecordBody {
    const body = encodeRecord(node, {
      ...this.#context,
      owner: ownerToken(this.#owner),
      isOut: this.#reasonToBeOut(node) !== undefined,
    });
    return this.#tags === undefined ? body : { ...body, Tags: this.#tags };
  }

  #read(
    server: ServerAddress,
    { service, id }: ServiceNode,
    signal: AbortSignal,
  ): Promise<AgentRecord | undefined> {
    const { client, place } = this.#context;
    return client.readRecord(server, recordId(service, id), place, signal);
  }

  #error(code: "CONFLICT" | "UNAVAILABLE", node: ServiceNode, reason: string): DiscoveryError {
    const { registry } = this.#context;
    const operation = `register ${recordId(node.service, node.id)}`;
    return new DiscoveryError({ code, registry, operation, reason });
  }
}

/** Why a record is in maintenance; undefined when it is not. */
function maintenanceOf({ checks }: AgentRecord, id: string): string | undefined {
  const check = checkOf(checks, maintenanceCheckId(id));
  return check === undefined ? undefined : String(check["Notes"]);
}

function isExpired(check: Readonly<Record<string, unknown>> | undefined): boolean {
  return check?.["Status"] === "critical" && String(check["Output"]).startsWith("TTL expired");
}

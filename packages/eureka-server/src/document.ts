import { instanceJson, type JsonObject } from "./instance-json.ts";
import type { Lease } from "./lease.ts";
import { hashCode } from "./status.ts";
import type { Store } from "./store.ts";

/** A list of applications, as `/apps`, `/apps/delta` and the vip reads answer it. */
export interface ApplicationsDocument {
  readonly kind: "applications";
  /** `1` for a full read, a counter for deltas, `-1` for vips; no order can be read from it. */
  readonly version: string;
  readonly hashCode: string;
  readonly applications: readonly ApplicationDocument[];
}

/** One application with its instances. */
export interface ApplicationDocument {
  readonly kind: "application";
  readonly name: string;
  readonly instances: readonly JsonObject[];
}

/** One instance. */
export interface InstanceDocument {
  readonly kind: "instance";
  readonly instance: JsonObject;
}

/** Everything that can be read. */
export type ReadDocument = ApplicationsDocument | ApplicationDocument | InstanceDocument;

/** Which of an instance's two comma lists of virtual names is meant. */
export type VipField = "vipAddress" | "secureVipAddress";

/** Every instance of every application. */
export function allApplications(store: Store): ApplicationsDocument {
  return applications("1", everyLease(store));
}

/** What changed within the window; its hash is that of the whole registry, to check a copy against. */
export function changedApplications(
  version: number,
  changes: readonly Lease[],
  store: Store,
): ApplicationsDocument {
  const whole = hashCode(everyLease(store).map((lease) => lease.status));
  return { ...applications(String(version), changes), hashCode: whole };
}

/** The instances that list exactly this virtual name; none is a good answer, not an error. */
export function applicationsOfVip(
  store: Store,
  field: VipField,
  vip: string,
): ApplicationsDocument {
  const leases = everyLease(store).filter((lease) =>
    lease.instance.texts[field]?.split(",").includes(vip),
  );
  return applications("-1", leases);
}

/** One application; `undefined` when it has no instance. */
export function oneApplication(store: Store, app: string): ApplicationDocument | undefined {
  const leases = store.applications().get(app);
  return leases && application(app, [...leases.values()]);
}

/** One instance. */
export function oneInstance(lease: Lease): InstanceDocument {
  return { kind: "instance", instance: instanceJson(lease) };
}

/** The first instance of that id, whatever its application. */
export function findById(store: Store, id: string): Lease | undefined {
  for (const leases of store.applications().values()) {
    const lease = leases.get(id);
    if (lease !== undefined) return lease;
  }
  return undefined;
}

/** Writes a document as JSON; lists stay lists when they hold one element. */
export function toJson(document: ReadDocument): string {
  return JSON.stringify(jsonOf(document));
}

function jsonOf(document: ReadDocument): JsonObject {
  switch (document.kind) {
    case "applications":
      return {
        applications: {
          versions__delta: document.version,
          apps__hashcode: document.hashCode,
          application: document.applications.map(applicationJson),
        },
      };
    case "application":
      return { application: applicationJson(document) };
    case "instance":
      break;
  }
  return { instance: document.instance };
}

function applicationJson(document: ApplicationDocument): JsonObject {
  return { name: document.name, instance: document.instances };
}

function applications(version: string, leases: readonly Lease[]): ApplicationsDocument {
  const byName = Map.groupBy(leases, (lease) => lease.instance.app);
  return {
    kind: "applications",
    version,
    hashCode: hashCode(leases.map((lease) => lease.status)),
    applications: [...byName].map(([name, group]) => application(name, group)),
  };
}

function application(name: string, leases: readonly Lease[]): ApplicationDocument {
  return { kind: "application", name, instances: leases.map(instanceJson) };
}

function everyLease(store: Store): readonly Lease[] {
  return [...store.applications().values()].flatMap((leases) => [...leases.values()]);
}

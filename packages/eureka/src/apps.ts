import { BodyError } from "./body.ts";
import { type Instance, readInstance } from "./instance.ts";
import { isRecord, numberOf } from "./record.ts";

/** One application with all its records. */
export interface App {
  /** As the server spells it. */
  readonly name: string;
  readonly instances: ReadonlyMap<string, Instance>;
  /** Why its records could not be read: then nothing is known of it, which is not the same as none. */
  readonly problem: string | undefined;
}

/** The whole registry as one server showed it; never changed, so an equal object means no change. */
export interface Apps {
  /** By name in upper case: Eureka does not tell cases apart. */
  readonly byName: ReadonlyMap<string, App>;
  /** Records in all. */
  readonly size: number;
}

/** A document of `/apps` or `/apps/delta`. */
export interface AppsDocument {
  readonly apps: readonly {
    readonly name: string;
    readonly instances: readonly Instance[];
    readonly problem?: string | undefined;
  }[];
  /** The server's hash of the registry this document leads to; undefined when it gives none. */
  readonly hash: string | undefined;
  /** Grows with each delta a server writes; starts over when it restarts. */
  readonly version: number | undefined;
}

/** How applications are told apart. */
export function appKey(service: string): string {
  return service.toUpperCase();
}

/**
 * Reads the document of all applications, or of the changed ones.
 *
 * One element may stand without its array, names may have one underscore or two: old servers do so.
 *
 * @throws {@link BodyError} when it is no such document: nothing may be concluded from it, least of all
 *   that there are no nodes.
 */
export function readApplications(document: Record<string, unknown>): AppsDocument {
  const root = document["applications"];
  if (!isRecord(root)) throw new BodyError("the answer has no applications");
  const hash = root["apps__hashcode"] ?? root["apps_hashcode"];
  const version = numberOf(root["versions__delta"] ?? root["versions_delta"]);
  const list = listOf(root["application"]);
  if (list === undefined) throw new BodyError("the answer's applications are no list");
  const apps = list.flatMap((raw) => readApplication(raw) ?? []);
  return {
    apps,
    hash: typeof hash === "string" ? hash.trim() : undefined,
    version: Number.isFinite(version) ? version : undefined,
  };
}

/**
 * Reads the document of one application.
 *
 * @throws {@link BodyError}
 */
export function readOneApplication(document: Record<string, unknown>): App {
  const raw = document["application"];
  const app = isRecord(raw) ? readApplication(raw) : undefined;
  if (app === undefined) throw new BodyError("the answer has no application");
  return { name: app.name, instances: byKey(app.instances), problem: app.problem };
}

/**
 * Builds the registry's state from a full document.
 *
 * @throws {@link BodyError} when the document lists nothing although its own hash counts something.
 */
export function buildApps(document: AppsDocument): Apps {
  if (document.apps.length === 0 && (document.hash ?? "") !== "") {
    throw new BodyError("the answer counts records and lists none");
  }
  const byName = new Map<string, App>();
  let size = 0;
  for (const { name, instances, problem } of document.apps) {
    const known = byName.get(appKey(name));
    const merged = byKey([...(known?.instances.values() ?? []), ...instances]);
    size += merged.size - (known?.instances.size ?? 0);
    byName.set(appKey(name), { name, instances: merged, problem: problem ?? known?.problem });
  }
  return { byName, size };
}

/**
 * The fingerprint of a registry: how many records have each status, in the order of the names, such as
 * `DOWN_1_UP_2_`. Empty for an empty registry.
 */
export function hashOf(apps: Apps): string {
  const counts = new Map<string, number>();
  for (const { instances } of apps.byName.values()) {
    for (const { status } of instances.values()) counts.set(status, (counts.get(status) ?? 0) + 1);
  }
  return [...counts.keys()]
    .sort()
    .map((status) => `${status}_${counts.get(status)}_`)
    .join("");
}

function readApplication(raw: unknown): AppsDocument["apps"][number] | undefined {
  if (!isRecord(raw)) return undefined;
  const list = listOf(raw["instance"]);
  const named =
    raw["name"] ?? list?.map((one) => (isRecord(one) ? one["app"] : undefined)).find(Boolean);
  // Nobody can ask for an application without a name.
  if (typeof named !== "string" || named === "") return undefined;
  if (list === undefined) {
    return { name: named, instances: [], problem: "the application's instances are no list" };
  }
  const place = named.slice(0, 255);
  return {
    name: named,
    instances: list.map((one, index) => readInstance(one, `${place}[${index}]`)),
  };
}

function byKey(instances: Iterable<Instance>): ReadonlyMap<string, Instance> {
  const map = new Map<string, Instance>();
  for (const instance of instances) map.set(instance.key, instance);
  return map;
}

function listOf(value: unknown): readonly unknown[] | undefined {
  if (Array.isArray(value)) return value;
  if (value === undefined || value === null || value === "") return [];
  return isRecord(value) ? [value] : undefined;
}

import * as z from "zod";

import type { RegistryConfig } from "../gateway-config.ts";
import { unsupportedRegistries } from "../refusal.ts";
import { type ConsulInput, consulKind } from "./consul.ts";
import { type EtcdInput, etcdKind } from "./etcd.ts";
import { type EurekaInput, eurekaKind } from "./eureka.ts";
import { type NacosInput, nacosKind } from "./nacos.ts";
import type { RegistryKind } from "./registry-kind.ts";
import { type ZookeeperInput, zookeeperKind } from "./zookeeper.ts";

/** One entry of `discovery`, as written. */
export type RegistryInput = EurekaInput | EtcdInput | ConsulInput | ZookeeperInput | NacosInput;

/** Every kind of registry this version knows, by the word that `type` says. */
export const registryKinds: Readonly<Record<RegistryConfig["type"], RegistryKind>> = {
  eureka: eurekaKind,
  etcd: etcdKind,
  consul: consulKind,
  zookeeper: zookeeperKind,
  nacos: nacosKind,
};

/** The words. */
export const registryTypes: readonly string[] = Object.keys(registryKinds);

/** The word for the kind of an entry: its `type`, or else its name; `undefined` when that is no kind. */
export function typeOf(name: string, entry: unknown): RegistryConfig["type"] | undefined {
  const given =
    typeof entry === "object" && entry !== null && Object.hasOwn(entry, "type")
      ? (entry as { readonly type: unknown }).type
      : name;
  return typeof given === "string" && Object.hasOwn(registryKinds, given)
    ? (given as RegistryConfig["type"])
    : undefined;
}

/** The kind that {@link typeOf} names. */
export function kindOf(name: string, entry: unknown): RegistryKind | undefined {
  const type = typeOf(name, entry);
  return type && registryKinds[type];
}

/** Shape of `discovery`: registries by name, each with the shape of its kind. */
export const discoverySchema: z.ZodType<Readonly<Record<string, RegistryInput>>> = z
  .record(
    z
      .string()
      .regex(/^[A-Za-z0-9_-]{1,64}$/, "must be 1 to 64 letters, digits, hyphens or underscores"),
    z.unknown(),
    "must be a map of registries by name",
  )
  .superRefine((discovery, context) => {
    for (const [name, entry] of Object.entries(discovery)) {
      const kind = kindOf(name, entry);
      const issues =
        kind === undefined
          ? unknownKind(name, entry)
          : (kind.schema.safeParse(entry).error?.issues ?? []);
      for (const issue of issues) {
        context.addIssue({ ...issue, path: [name, ...issue.path] } as never);
      }
    }
  }) as z.ZodType<Readonly<Record<string, RegistryInput>>>;

/**
 * Why an entry has no kind. One that says no `type`, and has a name of its own, is told where references are
 * followed.
 */
function unknownKind(
  name: string,
  entry: unknown,
): readonly { readonly path: PropertyKey[]; readonly message: string }[] {
  if (typeof entry !== "object" || entry === null) {
    return [{ path: [], message: "must be a map of keys such as host" }];
  }
  const message = `must be one of ${registryTypes.join(", ")}`;
  if (Object.hasOwn(entry, "type")) return [{ path: ["type"], message }];
  return unsupportedRegistries.includes(name) ? [{ path: [], message }] : [];
}

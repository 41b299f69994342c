import { readFileSync } from "node:fs";

import {
  createDiscovery,
  type Registration,
  type Registry,
  type ServiceNode,
} from "@rollcall/core";

import { hostOf, type Side, type Versions } from "./side.ts";

/** The name and version of ours: one for all, since the packages are measured as they stand here. */
export const ourVersion = "as in this repository";

/** Our client, through any adapter: what a consumer routes to, and registrations as an application makes them. */
export function ourSide(registry: Registry): Side {
  const discovery = createDiscovery(registry);
  const registrations = new Map<string, Registration>();
  return {
    async register(service, version) {
      const known = registrations.get(service);
      if (known !== undefined) return known.update({ metadata: { version } });
      const node = { service, id: "n0", host: hostOf(0), port: 8080, metadata: { version } };
      registrations.set(service, await registry.register(node));
    },
    async watch(service, onChange) {
      const view = discovery.service(service);
      await view.ready();
      void (async () => {
        for await (const { nodes } of view) onChange(versionsOf(nodes));
      })();
    },
    async [Symbol.asyncDispose]() {
      await discovery[Symbol.asyncDispose]();
      await registry[Symbol.asyncDispose]();
    },
  };
}

// Looked up where it is wanted: what a map of 10 000 costs is not the adapter's.
function versionsOf(nodes: readonly ServiceNode[]): Versions {
  return {
    size: nodes.length,
    get: (id) => nodes.find((node) => node.id === id)?.metadata["version"],
  };
}

/** The version of an installed package. */
export function versionOfPackage(name: string): string {
  const url = import.meta.resolve(name);
  const end = url.indexOf(`/node_modules/${name}/`) + `/node_modules/${name}/`.length;
  const text = readFileSync(new URL(`${url.slice(0, end)}package.json`), "utf8");
  return (JSON.parse(text) as { version: string }).version;
}

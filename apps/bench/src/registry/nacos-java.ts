import { nacosClientVersion, startNacosClient } from "@rollcall/testbed";

import { hostOf, idOf, type Side } from "./side.ts";

const group = "DEFAULT_GROUP";

/** The official Java client, in a process of its own. */
export async function javaNacos(url: string): Promise<Side> {
  const client = await startNacosClient({ serverAddr: new URL(url).host });
  return {
    pid: client.pid,
    async register(service, version) {
      const place = [hostOf(0), "8080", "1", "DEFAULT"];
      await client.run("register", service, group, ...place, `version=${version}`);
    },
    async watch(service, onChange) {
      const versions = new Map<string, string>();
      const first = Promise.withResolvers<void>();
      await client.follow(service, group, "version", (changed) => {
        for (const [address, version] of changed) {
          const id = idOf(address.slice(0, address.indexOf(":")));
          if (version === undefined) versions.delete(id);
          else versions.set(id, version);
        }
        onChange(versions);
        first.resolve();
      });
      await first.promise;
    },
    [Symbol.asyncDispose]: () => client[Symbol.asyncDispose](),
  };
}

/** The version of its jar. */
export const javaVersion = (): Promise<string> => nacosClientVersion();

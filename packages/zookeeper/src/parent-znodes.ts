import { DiscoveryError } from "@rollcall/core";

import type { Link } from "./client/link.ts";
import type { AclEntry } from "./client/requests.ts";
import { parentOf } from "./znode-path.ts";

/** Creates the znodes above a record. */
export class ParentZnodes {
  readonly #registry: string;
  readonly #root: string;
  readonly #acl: readonly AclEntry[];
  /** Servers before 3.5 know no containers. */
  #hasContainers = true;

  /** @param root  Path above the services: it stays; a service's own znode goes with its last record. */
  constructor(registry: string, root: string, acl: readonly AclEntry[]) {
    this.#registry = registry;
    this.#root = root;
    this.#acl = acl;
  }

  /** From the bottom up: rights may end half-way to the top, where all is there already. */
  async create(link: Link, path: string, signal: AbortSignal): Promise<void> {
    const parent = parentOf(path);
    // No server lacks its root.
    if (parent === "") return;
    const mode =
      parentOf(parent) === this.#root && this.#hasContainers ? "container" : "persistent";
    const znode = { path: parent, data: new Uint8Array(), acl: this.#acl, mode } as const;
    const end = await link.create(znode, signal);
    if (end === "unsupported") {
      this.#hasContainers = false;
      throw new DiscoveryError({
        code: "UNAVAILABLE",
        registry: this.#registry,
        operation: `create ${parent}`,
        reason: "the server has no containers; the next attempt does without",
      });
    }
    if (end !== "no-parent") return;
    await this.create(link, parent, signal);
    await link.create(znode, signal);
  }
}

import { ListMemory } from "@rollcall/core/adapter";

import { BodyError } from "./body.ts";
import { type Decoded, decodeInstance } from "./codec.ts";
import { fault, type Where } from "./fault.ts";
import type { HostList } from "./host-list.ts";
import type { ResolvedOptions } from "./options.ts";

/** Decodes the lists of one service, one after the other: of a large one only what changed. */
export class RecordMemory {
  readonly #where: Where;
  readonly #memory: ListMemory<Decoded>;

  /** @param isKept  `false` for a single list. */
  constructor({ name: registry, weight }: ResolvedOptions, service: string, isKept = true) {
    this.#where = { registry, operation: `read ${service}` };
    const context = { registry, service, weight };
    this.#memory = new ListMemory((raw) => decodeInstance(raw, context), isKept);
  }

  /** @throws {@link DiscoveryError} `PROTOCOL` for what is no list. */
  decode(hosts: HostList): readonly Decoded[] {
    try {
      return hosts.decode(this.#memory);
    } catch (cause) {
      if (!(cause instanceof BodyError)) throw cause;
      throw fault("PROTOCOL", this.#where, cause.message, cause);
    }
  }
}

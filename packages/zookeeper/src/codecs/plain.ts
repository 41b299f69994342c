import { asDiscoveryError, defineNode, DiscoveryError, isRoutable } from "@rollcall/core";

import type { Codec } from "./codec.ts";

const address =
  /^(?:\[([\da-fA-F]*:[\da-fA-F:.]*)\]|([^\s:[\]]+)):(\d{1,5})(?::(\d{1,9}(?:\.\d{1,9})?))?$/;

/**
 * `host:port`, in the data or, when that is empty, as the name of the znode. A third number, which some writers add,
 * is the weight.
 *
 * There is no room for a status, so a node that takes no traffic is not stored.
 */
export const plainCodec: Codec = Object.freeze({
  name: "plain",
  namesOwner: false,
  keeps: Object.freeze(["service", "id", "host", "port"] as const),
  decode(data, { registry, service, id, weight }) {
    const where = { registry, operation: `decode ${service}/${id}`.slice(0, 300) };
    const text = data.toString("utf8").trim();
    const match = address.exec(text === "" ? id : text);
    const [, ipv6, name, port, ownWeight] = match ?? [];
    try {
      if (match === null)
        throw new DiscoveryError({
          code: "RECORD",
          ...where,
          reason: "neither host:port nor empty",
        });
      return {
        node: defineNode({
          service,
          id,
          host: ipv6 ?? name ?? "",
          port: Number(port),
          weight: ownWeight === undefined ? weight : Number(ownWeight),
        }),
      };
    } catch (cause) {
      const { reason } = asDiscoveryError(cause, where);
      return { error: new DiscoveryError({ code: "RECORD", ...where, reason, cause }) };
    }
  },
  encode(node) {
    if (!isRoutable(node)) return undefined;
    const host = node.host.includes(":") ? `[${node.host}]` : node.host;
    return Buffer.from(`${host}:${node.port}`);
  },
  inspect: (stored, written) => ({
    owner: undefined,
    edits: written.some((one) => one.equals(stored)) ? {} : undefined,
  }),
  differences: () => new Set<string>(),
} satisfies Codec);

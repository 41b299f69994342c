import { type LookupAddress, lookup } from "node:dns";
import type { LookupFunction } from "node:net";

/**
 * Resolves names as the system does, and leaves out addresses that may not be connected to: a name in a
 * registry could point anywhere, and may point elsewhere tomorrow.
 */
export function guardedLookup(allows: (address: string) => boolean): LookupFunction {
  return (hostname, options, callback) => {
    lookup(hostname, { ...options, all: true }, (error, found: LookupAddress[]) => {
      if (error !== null) {
        callback(error, "", 0);
        return;
      }
      const allowed = found.filter(({ address }) => allows(address));
      const [first] = allowed;
      if (first === undefined) {
        callback(
          Object.assign(new Error("address not allowed"), { code: "ADDRESS_NOT_ALLOWED" }),
          "",
          0,
        );
      } else if (options.all === true) {
        callback(null, allowed);
      } else {
        callback(null, first.address, first.family);
      }
    });
  };
}

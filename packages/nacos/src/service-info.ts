import { HostList } from "./host-list.ts";
import { isRecord } from "./record.ts";

/** What a server says of one service: always all of its instances. */
export interface ServiceInfo {
  readonly hosts: HostList;
  /** When the server put it together, by its own clock; 0 when it does not say. */
  readonly lastRefTime: number;
}

/** An answer that says nothing of its service; the message is fit for an error's reason. */
export class ServiceInfoError extends Error {
  override readonly name = "ServiceInfoError";
}

/**
 * Reads the `serviceInfo` of an answer or a push that {@link parseWithHosts} parsed.
 *
 * @throws {@link ServiceInfoError} without a list: that is a failure of the server, not an empty service.
 */
export function readServiceInfo(value: unknown): ServiceInfo {
  if (!isRecord(value) || !(value["hosts"] instanceof HostList)) {
    throw new ServiceInfoError("the answer has no list of hosts");
  }
  const { hosts, lastRefTime } = value;
  return { hosts, lastRefTime: typeof lastRefTime === "number" ? lastRefTime : 0 };
}

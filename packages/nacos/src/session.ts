import type { Decoded } from "./codec.ts";
import type { ServiceKey } from "./names.ts";
import type { ServiceInfo } from "./service-info.ts";
import type { StoredInstance } from "./stored-instance.ts";

/**
 * One stretch of dealing with the servers of a cluster, over gRPC or HTTP, that either works or has ended.
 * What was entered in a session must be entered anew in the next.
 *
 * Calls reject with {@link DiscoveryError} or the signal's reason.
 */
export interface Session {
  readonly kind: "grpc" | "http";
  /** Fires at its end; the reason is a {@link DiscoveryError}. */
  readonly ended: AbortSignal;
  /** One answer from a server. */
  query(key: ServiceKey, signal: AbortSignal): Promise<ServiceInfo>;
  /** What a server says of a service, now and at each change; throws at the session's end. */
  follow(key: ServiceKey, signal: AbortSignal): AsyncIterable<readonly Decoded[]>;
  /** Names of the services of a group. */
  services(group: string, signal: AbortSignal): Promise<readonly string[]>;
  /**
   * Enters or changes instances.
   *
   * @param all  Everything this process wants of the service, `changed` included.
   */
  enter(
    key: ServiceKey,
    changed: readonly StoredInstance[],
    all: readonly StoredInstance[],
    signal: AbortSignal,
  ): Promise<void>;
  /**
   * Takes an instance away.
   *
   * @param rest  What this process still wants of the service.
   */
  leave(
    key: ServiceKey,
    gone: StoredInstance,
    rest: readonly StoredInstance[],
    signal: AbortSignal,
  ): Promise<void>;
  /** A sign of life of one instance; false when it must be entered anew. */
  beat(key: ServiceKey, instance: StoredInstance, signal: AbortSignal): Promise<boolean>;
  /** Ends it. */
  close(reason: Error): void;
}

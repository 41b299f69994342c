import type { EngineParts } from "../exchange/engine-parts.ts";
import type { TrustedProxies } from "../exchange/trusted-proxies.ts";
import type { RequestScan } from "../http1/request-scan.ts";
import type { OpenClient } from "./open-client.ts";

/** What client connections need from the engine, shared by all of them. */
export interface ClientParts extends EngineParts {
  /** One for all: everything is synchronous. */
  readonly scan: RequestScan;
  /** `undefined`: nobody is trusted. */
  readonly trusted: TrustedProxies | undefined;
  /** Whether a client that has ended its half still gets its answer. */
  readonly servesHalfClosed: boolean;
  readonly onClosed: (client: OpenClient) => void;
}

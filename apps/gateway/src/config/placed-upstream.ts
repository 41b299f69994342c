import type { ConfigDocument, Path } from "./document.ts";
import type { UpstreamInput } from "./upstream-schema.ts";

/** An upstream and the place it is written at. */
export interface PlacedUpstream {
  readonly document: ConfigDocument;
  readonly path: Path;
  readonly input: UpstreamInput;
  /** Owner, for balancer state: `route:user`. */
  readonly key: string;
}

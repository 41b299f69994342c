import type { Backend, Side, SideSettings } from "./side.ts";

/** Where the process belongs. */
export interface SideContext {
  readonly backend: Backend;
  readonly sideName: string;
  readonly url: string;
  readonly settings: SideSettings;
}

/** What the measures' parts in the process work with. */
export interface SideMaker extends SideContext {
  /** The process' own client, the same each time. */
  readonly first: () => Promise<Side>;
  /** One more. */
  readonly another: () => Promise<Side>;
}

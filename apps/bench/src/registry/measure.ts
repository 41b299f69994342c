import type { SideHandle } from "./side-handle.ts";
import type { Backend, Server, SideSettings } from "./side.ts";

/** One line of a backend's table. */
export interface Row {
  readonly what: string;
  /** By side; a side that is missing has no figure. */
  readonly values: Readonly<Record<string, number | undefined>>;
  readonly goal?: Goal | undefined;
}

/** What a row is to reach. */
export interface Goal {
  readonly text: string;
  readonly met: boolean;
}

/** What a measure found. */
export interface Finding {
  readonly rows: readonly Row[];
  /** Every sample, for the file. */
  readonly samples: unknown;
}

/** How much is measured; `undefined`: as much as the measure's and the backend's defaults say. */
export interface Amounts {
  readonly rounds: number;
  readonly changes: number | undefined;
  readonly kills: number;
  readonly seconds: number;
  /** Clients of `providers` and `consumers`. */
  readonly clients: number;
  /** Services that each client of `consumers` follows. */
  readonly watches: number;
}

/** What measures work with. */
export interface Bed {
  readonly backend: Backend;
  readonly server: Server;
  readonly amounts: Amounts;
  /** Sides that take part in this measure, ours first. */
  readonly sides: readonly string[];
  readonly settings: SideSettings;
  /** Starts a process of a side; `url` when it is not the server's own. It ends with the measure. */
  start(side: string, url?: string): SideHandle;
  /** A side is out of the measure from now on; says so in the table. */
  drop(side: string, error: unknown): void;
}

/** One kind of measurement. */
export interface Measure {
  readonly name: string;
  /** For `--help`. */
  readonly about: string;
  /** Leases it wants; `default` when left out. */
  readonly lease?: SideSettings["lease"] | undefined;
  run(bed: Bed): Promise<Finding>;
}

/** Runs something for each side; those that fail are dropped. */
export async function eachSide<T>(
  bed: Bed,
  sides: readonly string[],
  act: (side: string) => Promise<T>,
): Promise<Map<string, T>> {
  const found = await Promise.all(
    sides.map(async (side): Promise<[string, T] | undefined> => {
      try {
        return [side, await act(side)];
      } catch (error) {
        bed.drop(side, error);
        return undefined;
      }
    }),
  );
  return new Map(found.filter((one) => one !== undefined));
}

/** The sides in the order of a round: each begins with another one. */
export function turnOrder(sides: readonly string[], round: number): readonly string[] {
  const first = sides.length === 0 ? 0 : round % sides.length;
  return [...sides.slice(first), ...sides.slice(0, first)];
}

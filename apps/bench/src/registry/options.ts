import { parseArgs } from "node:util";

import type { Amounts } from "./measure.ts";

/** What to run. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string }
  | {
      readonly kind: "measure";
      readonly registries: readonly string[];
      readonly measures: readonly string[];
      /** `undefined`: all. */
      readonly sides: readonly string[] | undefined;
      /** Servers as they come, and each client's own leases and intervals. */
      readonly defaults: boolean;
      readonly amounts: Amounts;
    };

/** What there is to choose from. */
export interface Names {
  readonly registries: readonly string[];
  readonly measures: readonly string[];
  readonly sides: readonly string[];
}

const counts = {
  rounds: { usual: 5, least: 1, most: 100 },
  changes: { usual: undefined, least: 1, most: 100_000 },
  kills: { usual: 8, least: 1, most: 200 },
  seconds: { usual: 60, least: 1, most: 3_600 },
  clients: { usual: 1_000, least: 1, most: 20_000 },
  watches: { usual: 10, least: 1, most: 10_000 },
} as const;

/** Reads the flags. */
export function parseCommand(args: readonly string[], names: Names): Command {
  try {
    const text = { type: "string" } as const;
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", short: "h" },
        defaults: { type: "boolean" },
        only: text,
        measures: text,
        sides: text,
        rounds: text,
        changes: text,
        kills: text,
        seconds: text,
        clients: text,
        watches: text,
      },
    });
    if (values.help === true) return { kind: "help" };
    return {
      kind: "measure",
      registries: chosen("only", values.only, names.registries) ?? names.registries,
      measures: chosen("measures", values.measures, names.measures) ?? names.measures,
      sides: chosen("sides", values.sides, names.sides),
      defaults: values.defaults === true,
      amounts: {
        rounds: count("rounds", values.rounds) ?? counts.rounds.usual,
        changes: count("changes", values.changes),
        kills: count("kills", values.kills) ?? counts.kills.usual,
        seconds: count("seconds", values.seconds) ?? counts.seconds.usual,
        clients: count("clients", values.clients) ?? counts.clients.usual,
        watches: count("watches", values.watches) ?? counts.watches.usual,
      },
    };
  } catch (error) {
    return { kind: "wrong", message: (error as Error).message };
  }
}

function count(flag: keyof typeof counts, text: string | undefined): number | undefined {
  if (text === undefined) return undefined;
  const { least, most } = counts[flag];
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= least && value <= most) return value;
  throw new Error(`--${flag} "${text}" must be a whole number from ${least} to ${most}`);
}

/** In the order in which they are known, whatever their case. */
function chosen(
  flag: string,
  text: string | undefined,
  known: readonly string[],
): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const asked = text.split(",").filter((name) => name !== "");
  const found = known.filter((name) =>
    asked.some((one) => one.toLowerCase() === name.toLowerCase()),
  );
  const unknown = asked.find(
    (one) => !known.some((name) => name.toLowerCase() === one.toLowerCase()),
  );
  if (asked.length > 0 && unknown === undefined) return found;
  throw new Error(`--${flag} "${unknown ?? text}" must be of ${known.join(", ")}`);
}

/** The text of `--help`. `about` has a line for each measure. */
export function usage(names: Names, about: Readonly<Record<string, string>>): string {
  const measures = names.measures.map((name) => `    ${name.padEnd(12)} ${about[name] ?? ""}`);
  return `pnpm bench registry [flags]
  --only NAME,…      registries: ${names.registries.join(", ")}
  --measures NAME,…  what to measure; default all:
${measures.join("\n")}
  --sides NAME,…     clients: ${names.sides.join(", ")}; default all
  --defaults         servers as they come, leases and intervals as each client has them
  --rounds N         turns of each client in visible and gone; default ${counts.rounds.usual}
  --changes N        changes of each client in visible; default 500 or more
  --kills N          providers of each client that are killed in gone; default ${counts.kills.usual}
  --seconds N        how long requests are counted; default ${counts.seconds.usual}
  --clients N        clients of consumers and providers; default ${counts.clients.usual}
  --watches N        services that each client of consumers follows; default ${counts.watches.usual}
`;
}

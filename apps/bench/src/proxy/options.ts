import { parseArgs } from "node:util";

/** What to run. */
export type Command =
  | { readonly kind: "help" }
  | { readonly kind: "wrong"; readonly message: string }
  | { readonly kind: "gate"; readonly seconds: number }
  | {
      readonly kind: "measure";
      readonly loads: readonly string[];
      /** `undefined`: those that each load is meant for. */
      readonly targets: readonly string[] | undefined;
      readonly rounds: number;
      readonly seconds: number;
    };

const defaults = { rounds: 3, seconds: 4 };
const most = { rounds: 100, seconds: 120 };

/** Reads the flags. `loads` and `targets` are the names there are. */
export function parseCommand(
  args: readonly string[],
  loads: readonly string[],
  targets: readonly string[],
): Command {
  try {
    const { values } = parseArgs({
      args: [...args],
      options: {
        help: { type: "boolean", short: "h" },
        gate: { type: "boolean" },
        only: { type: "string" },
        targets: { type: "string" },
        rounds: { type: "string" },
        seconds: { type: "string" },
      },
    });
    if (values.help === true) return { kind: "help" };
    const seconds = count("seconds", values.seconds);
    if (values.gate === true) {
      for (const flag of ["only", "targets", "rounds"] as const) {
        if (values[flag] !== undefined)
          throw new Error(`--gate has its own ${flag}; leave --${flag} out`);
      }
      return { kind: "gate", seconds };
    }
    return {
      kind: "measure",
      loads: names("only", values.only, loads) ?? loads,
      targets: names("targets", values.targets, targets),
      rounds: count("rounds", values.rounds),
      seconds,
    };
  } catch (error) {
    return { kind: "wrong", message: (error as Error).message };
  }
}

function count(flag: "rounds" | "seconds", text: string | undefined): number {
  if (text === undefined) return defaults[flag];
  const value = Number(text);
  if (/^\d+$/.test(text) && value >= 1 && value <= most[flag]) return value;
  throw new Error(`--${flag} "${text}" must be a whole number from 1 to ${most[flag]}`);
}

function names(
  flag: string,
  text: string | undefined,
  known: readonly string[],
): readonly string[] | undefined {
  if (text === undefined) return undefined;
  const asked = text.split(",").filter((name) => name !== "");
  const unknown = asked.find((name) => !known.includes(name));
  if (asked.length > 0 && unknown === undefined) return [...new Set(asked)];
  throw new Error(`--${flag} "${unknown ?? text}" must be of ${known.join(", ")}`);
}

/** The text of `--help`. */
export function usage(loads: readonly string[], targets: readonly string[]): string {
  return `pnpm bench proxy [flags]
  --only LOAD,…      loads to run: ${loads.join(", ")}
  --targets NAME,…   proxies to run, whatever the load: ${targets.join(", ")}
  --rounds N         turns of each proxy; default ${defaults.rounds}
  --seconds N        length of a turn; default ${defaults.seconds}
  --gate             small GETs, the gateway beside nginx; exit code 1 when its CPU is too far above nginx's
`;
}

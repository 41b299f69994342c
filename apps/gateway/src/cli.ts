import { parseArgs } from "node:util";

import { suggest } from "./config/suggestion.ts";

/** What the command line asks for. */
export type Command =
  | { readonly kind: "help" | "version" | "print-schema" }
  | {
      readonly kind: "check" | "run";
      readonly configFile: string;
      readonly routesFile?: string | undefined;
    }
  | { readonly kind: "wrong"; readonly message: string };

/** Text of `--help`. */
export const usage = `Usage: rollcall-gateway --config FILE [--routes FILE] [--check]

Routes HTTP requests to live nodes from a service registry.

  --config FILE    configuration, YAML
  --routes FILE    more routes, upstreams and services, such as APISIX's apisix.yaml
  --check          check the configuration and exit
  --print-schema   print the JSON Schema of the configuration
  --version        print the version
  --help           print this

Exit codes: 0 done; 1 an address cannot be opened, or workers do not start; 2 wrong configuration or flags.
Signals: SIGHUP reloads, SIGTERM and SIGINT drain and stop, a second one stops at once.
`;

const options = {
  config: { type: "string" },
  routes: { type: "string" },
  check: { type: "boolean" },
  "print-schema": { type: "boolean" },
  version: { type: "boolean" },
  help: { type: "boolean", short: "h" },
} as const;

/** Reads the command line; never throws. */
export function parseCommand(args: readonly string[]): Command {
  const { tokens } = parseArgs({ args: [...args], options, strict: false, tokens: true });
  const values: { config?: string; routes?: string } = {};
  const flags = new Set<string>();
  for (const token of tokens) {
    if (token.kind === "positional") {
      return wrong(
        `unexpected argument ${JSON.stringify(token.value)}; files go after --config or --routes`,
      );
    }
    if (token.kind !== "option") continue;
    const { name, rawName, value } = token;
    if (!Object.hasOwn(options, name)) {
      const meant = suggest(name, Object.keys(options));
      return wrong(
        `unknown flag ${rawName}${meant === undefined ? "" : `; did you mean --${meant}?`}`,
      );
    }
    if (name === "config" || name === "routes") {
      if (value === undefined || value === "") return wrong(`${rawName} needs a file`);
      if (values[name] !== undefined) return wrong(`${rawName} is there twice`);
      values[name] = value;
    } else if (value !== undefined) {
      return wrong(`${rawName} takes no value`);
    }
    flags.add(name);
  }
  if (flags.has("help")) return { kind: "help" };
  if (flags.has("version")) return { kind: "version" };
  if (flags.has("print-schema")) return { kind: "print-schema" };
  if (values.config === undefined) return wrong("--config FILE is missing");
  return {
    kind: flags.has("check") ? "check" : "run",
    configFile: values.config,
    routesFile: values.routes,
  };
}

function wrong(message: string): Command {
  return { kind: "wrong", message: `${message} (see --help)` };
}

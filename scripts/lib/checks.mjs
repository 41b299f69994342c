/**
 * @typedef {"all" | "quick" | "long"} Mode
 * @typedef {{ name: string, command: string, args: readonly string[], shows?: RegExp }} Check `shows`: lines of its
 *   output that are shown also when it passes
 */

/** @type {readonly Check[]} */
const house = [
  { name: "format", command: "oxfmt", args: ["--check", "."] },
  { name: "build", command: "turbo", args: ["run", "build"] },
  // After the build: packages know each other's types from what was built.
  { name: "lint", command: "oxlint", args: ["--type-aware", "--deny-warnings"] },
  { name: "types", command: "turbo", args: ["run", "typecheck"] },
  { name: "types of scripts", command: "tsc", args: ["-p", "scripts/tsconfig.json"] },
  { name: "boundaries", command: "turbo", args: ["boundaries"] },
  { name: "packages", command: "turbo", args: ["run", "pack:check"] },
  { name: "generated files", command: "node", args: ["scripts/generate-docs.ts", "--check"] },
  { name: "code in documents", command: "node", args: ["scripts/check-snippets.ts"] },
  { name: "examples", command: "node", args: ["scripts/run-examples.ts"] },
];

/**
 * Takes a core for itself, so it comes last, when nothing else runs; and only where it is asked for, since a user's
 * machine may be busy, or have no nginx to compare with.
 *
 * @type {Check}
 */
const speed = {
  name: "speed",
  command: "node",
  args: ["scripts/run-bench.mjs", "proxy", "--gate", "--seconds", "3"],
  shows: /^gate, .*$/gm,
};

/**
 * The checks of a mode in the order they run: the house, each of which counts as one, then the vitest projects,
 * then the rest.
 *
 * @param {Mode} mode `all`: everything but the soaks; `quick`: no registry servers; `long`: only the soaks
 * @param {NodeJS.ProcessEnv} [env] `ROLLCALL_GATE`: not empty: with mode `all`, the gateway's speed is a check too
 * @returns {{ house: readonly Check[], projects: readonly string[], rest: readonly Check[] }}
 */
export function checksOf(mode, env = {}) {
  // The soaks start built programs.
  if (mode === "long")
    return { house: house.filter((c) => c.name === "build"), projects: ["long"], rest: [] };
  if (mode === "quick") return { house, projects: ["quick"], rest: [] };
  return { house, projects: ["quick", "real"], rest: env["ROLLCALL_GATE"] ? [speed] : [] };
}

/**
 * @typedef {"all" | "quick" | "long"} Mode
 * @typedef {{ name: string, command: string, args: readonly string[] }} Check
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
  { name: "examples", command: "node", args: ["scripts/run-examples.ts"] },
];

/**
 * The checks of a mode in the order they run: the house, each of which counts as one, then the vitest projects.
 *
 * @param {Mode} mode `all`: everything but the soaks; `quick`: no registry servers; `long`: only the soaks
 * @returns {{ house: readonly Check[], projects: readonly string[] }}
 */
export function checksOf(mode) {
  // The soaks start built programs.
  if (mode === "long")
    return { house: house.filter((c) => c.name === "build"), projects: ["long"] };
  return { house, projects: mode === "all" ? ["quick", "real"] : ["quick"] };
}

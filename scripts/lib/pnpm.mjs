import { spawnSync } from "node:child_process";
import { existsSync, mkdirSync, readFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

/**
 * An environment in which `pnpm` of the major the project asks for, and the tools under
 * `node_modules/.bin`, come first on PATH. A pnpm that is missing is fetched once with npm into
 * `.cache/pnpm`; nothing outside the project's folder is touched.
 *
 * @param {string} root the project's folder
 * @param {NodeJS.ProcessEnv} base
 * @param {(text: string) => void} say called with one line when pnpm has to be fetched
 * @returns {NodeJS.ProcessEnv}
 * @throws {Error} when no pnpm can be had, with npm's own words
 */
export function withPnpm(root, base, say) {
  const { packageManager } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const wanted = versionOf(packageManager);
  /** @type {NodeJS.ProcessEnv} */
  const env = {
    ...base,
    PATH: [join(root, "node_modules/.bin"), base["PATH"]].join(delimiter),
    COREPACK_ENABLE_DOWNLOAD_PROMPT: "0",
    DO_NOT_TRACK: "1",
    TURBO_TELEMETRY_DISABLED: "1",
  };
  if (answers(env, wanted)) return env;
  const folder = join(root, ".cache/pnpm");
  const own = { ...env, PATH: [join(folder, "node_modules/.bin"), env["PATH"]].join(delimiter) };
  if (existsSync(folder) && answers(own, wanted)) return own;
  say(`fetching pnpm ${wanted}`);
  mkdirSync(folder, { recursive: true });
  const flags = ["--no-save", "--no-package-lock", "--no-audit", "--no-fund", "--loglevel=error"];
  const { status, stderr, error } = spawnSync(
    "npm",
    ["install", "--prefix", folder, ...flags, `pnpm@${wanted}`],
    { cwd: folder, env, encoding: "utf8", stdio: ["ignore", "ignore", "pipe"] },
  );
  if (status !== 0) throw new Error(`npm could not fetch pnpm: ${error?.message ?? stderr.trim()}`);
  if (!answers(own, wanted)) throw new Error(`pnpm ${wanted} was installed but does not run`);
  return own;
}

/**
 * The version in a `packageManager` field such as `pnpm@12.18.0+sha512.…`.
 *
 * @param {unknown} packageManager
 * @returns {string}
 * @throws {Error} when the field names another package manager
 */
export function versionOf(packageManager) {
  const found = /^pnpm@(\d+\.\d+\.\d+)/.exec(String(packageManager))?.[1];
  if (found === undefined) throw new Error(`package.json: packageManager must be pnpm@x.y.z`);
  return found;
}

/** @param {NodeJS.ProcessEnv} env @param {string} wanted */
function answers(env, wanted) {
  // Asked outside the project: an older pnpm would otherwise replace itself by the project's version.
  const { status, stdout } = spawnSync("pnpm", ["--version"], {
    cwd: tmpdir(),
    env,
    encoding: "utf8",
    stdio: ["ignore", "pipe", "ignore"],
    timeout: 30_000,
  });
  return status === 0 && stdout.trim().split(".")[0] === wanted.split(".")[0];
}

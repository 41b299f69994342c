import { spawn } from "node:child_process";
import { stripVTControlCharacters } from "node:util";
import { stopWithUs } from "./job.mjs";

const maxOutputChars = 200_000;

/**
 * Runs a command quietly to its end; what it printed is there for whoever reports a failure.
 *
 * @param {string} command
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, deadlineMs?: number }} options `deadlineMs`: default one hour
 * @returns {Promise<{ ok: boolean, output: string, elapsedMs: number }>} `output`: both streams as they came, the
 *   last 200 000 characters, without colours
 */
export function runStep(command, args, { cwd, env, deadlineMs = 3_600_000 }) {
  const startedAt = performance.now();
  return new Promise((resolve) => {
    const child = spawn(command, args, { cwd, env, stdio: ["ignore", "pipe", "pipe"] });
    const release = stopWithUs(child);
    let output = "";
    const timer = setTimeout(() => {
      output += `\nstopped after ${deadlineMs / 1000} s`;
      child.kill("SIGTERM");
    }, deadlineMs);
    for (const stream of [child.stdout, child.stderr]) {
      stream.setEncoding("utf8").on("data", (text) => {
        output = (output + text).slice(-maxOutputChars);
      });
    }
    /** @param {boolean} ok */
    const finish = (ok) => {
      clearTimeout(timer);
      release();
      resolve({
        ok,
        output: stripVTControlCharacters(output),
        elapsedMs: performance.now() - startedAt,
      });
    };
    child.once("error", (error) => {
      output += `${command}: ${error.message}`;
      finish(false);
    });
    child.once("close", (code) => finish(code === 0));
  });
}

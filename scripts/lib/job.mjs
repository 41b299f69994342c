import { spawn } from "node:child_process";
import { constants } from "node:os";
import { fileURLToPath } from "node:url";

const endWithParent = fileURLToPath(new URL("end-with-parent.mjs", import.meta.url));
const parentLookMs = 500;
const parent = process.ppid;

/**
 * Runs a Node program in the foreground, with our own streams, and ends as it ends.
 *
 * It gets a process group of its own, so a Ctrl-C comes to it only through us, once. Should this
 * process be killed, the program notices by its channel and ends too.
 *
 * @param {string} node path of the Node binary
 * @param {readonly string[]} args
 * @param {{ cwd: string, env: NodeJS.ProcessEnv, sameSignalMs?: number }} options `sameSignalMs`: signals this soon
 *   after one that was passed on are the same Ctrl-C, which reaches us twice, from the terminal and from npm; the job
 *   takes a second one for "at once". Default 1000
 * @returns {Promise<number>} its exit code; 128 + n when signal n ended it
 */
export function runJob(node, args, { cwd, env, sameSignalMs = 1000 }) {
  return new Promise((resolve, reject) => {
    const child = spawn(node, ["--import", endWithParent, ...args], {
      cwd,
      env,
      detached: true,
      stdio: ["inherit", "inherit", "inherit", "ipc"],
    });
    let forwardedAt = Number.NEGATIVE_INFINITY;
    /** @param {NodeJS.Signals} signal */
    const forward = (signal) => {
      if (performance.now() - forwardedAt < sameSignalMs) return;
      forwardedAt = performance.now();
      // A hang-up means our terminal went away; to the gateway the same signal would mean "reload".
      child.kill(signal === "SIGHUP" ? "SIGTERM" : signal);
    };
    const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
    for (const signal of signals) process.on(signal, forward);
    // A killed npm tells nobody. Without npm, our shell may go and leave us, as under nohup.
    const watch = setInterval(() => {
      if (env["npm_lifecycle_event"] && process.ppid !== parent) forward("SIGTERM");
    }, parentLookMs);
    const release = () => {
      clearInterval(watch);
      for (const signal of signals) process.off(signal, forward);
    };
    child.once("error", (error) => {
      release();
      reject(error);
    });
    child.once("exit", (code, signal) => {
      release();
      resolve(code ?? 128 + (signal === null ? 0 : constants.signals[signal]));
    });
  });
}

/**
 * Lets a child end when we are told to end, then ends us the same way.
 *
 * @param {import("node:child_process").ChildProcess} child
 * @returns {() => void} to be called when the child has ended
 */
export function stopWithUs(child) {
  /** @param {NodeJS.Signals} signal */
  const pass = (signal) => {
    child.kill(signal);
    child.once("close", () => process.exit(128 + constants.signals[signal]));
  };
  const signals = /** @type {const} */ (["SIGINT", "SIGTERM", "SIGHUP"]);
  for (const signal of signals) process.once(signal, pass);
  return () => {
    for (const signal of signals) process.off(signal, pass);
  };
}

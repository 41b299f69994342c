import { type ChildProcess, execFile } from "node:child_process";

import { commandOf, type Tool } from "./tool.ts";

const deadlineMs = 300_000;
const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/**
 * Runs a program to its end, on the cores of this process, and returns its standard output.
 *
 * @throws Error with the end of what it printed, when it fails or takes longer than five minutes.
 */
export function runTool(tool: Tool, args: readonly string[]): Promise<string> {
  const { path, env } = commandOf(tool);
  const options = { timeout: deadlineMs, env: { ...process.env, ...env } };
  return new Promise((resolve, reject) => {
    const child = execFile(path, args, options, (error, stdout, stderr) => {
      running.delete(child);
      if (error === null) resolve(stdout);
      else reject(new Error(`${tool} failed: ${(stderr || stdout || error.message).slice(-500)}`));
    });
    running.add(child);
  });
}

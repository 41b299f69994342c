import { execFile } from "node:child_process";

const maxBuffer = 16 * 1024 * 1024;

/**
 * Runs a command to its end and returns what it printed, standard output and error together.
 *
 * @throws Error naming the command, with the end of what it printed, when it is missing, fails or takes longer than
 *   `deadlineMs` (default 60 000).
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: { readonly cwd?: string | undefined; readonly deadlineMs?: number | undefined } = {},
): Promise<string> {
  const { cwd, deadlineMs: timeout = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(command, args, { cwd, timeout, maxBuffer }, (error, stdout, stderr) => {
      const output = `${stdout}${stderr}`;
      if (error === null) resolve(output);
      else if (error.code === "ENOENT") reject(new Error(`${command} is not installed`));
      else reject(new Error(`${command} failed: ${output.trim().slice(-2000) || error.message}`));
    });
    child.stdin?.end();
  });
}

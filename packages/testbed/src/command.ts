import { execFile } from "node:child_process";

const maxBuffer = 16 * 1024 * 1024;

/** How {@link runCommand} runs one. */
export interface CommandOptions {
  readonly cwd?: string | undefined;
  /** Default: that of this process. */
  readonly env?: NodeJS.ProcessEnv | undefined;
  /** Milliseconds. Default 60 000. */
  readonly deadlineMs?: number | undefined;
}

/**
 * Runs a command to its end and returns what it printed, standard output and error together.
 *
 * @throws Error naming the command, with the end of what it printed, when it is missing, fails or takes longer than
 *   `deadlineMs` (default 60 000).
 */
export function runCommand(
  command: string,
  args: readonly string[],
  options: CommandOptions = {},
): Promise<string> {
  const { cwd, env, deadlineMs: timeout = 60_000 } = options;
  return new Promise((resolve, reject) => {
    const child = execFile(
      command,
      args,
      { cwd, env, timeout, maxBuffer },
      (error, stdout, stderr) => {
        const output = `${stdout}${stderr}`;
        if (error === null) resolve(output);
        else if (error.code === "ENOENT") reject(new Error(`${command} is not installed`));
        else reject(new Error(`${command} failed: ${output.trim().slice(-2000) || error.message}`));
      },
    );
    child.stdin?.end();
  });
}

import { existsSync } from "node:fs";

const setpriv = "/usr/bin/setpriv";

/**
 * The command line of a server that the kernel ends with this process, also when it is killed: for servers that do not
 * look at their standard input. Where `setpriv` (util-linux) is missing, it is the server's own.
 */
export function endingWithParent(
  command: string,
  args: readonly string[],
): { readonly command: string; readonly args: readonly string[] } {
  if (!existsSync(setpriv)) return { command, args };
  return { command: setpriv, args: ["--pdeathsig", "KILL", command, ...args] };
}

/**
 * Ends the process where a benchmark without flags is given one: with what it measures for `--help`, with exit code
 * 2 for any other.
 *
 * @param what  What it measures, in a few words.
 */
export function takeNoFlags(name: string, what: string, args: readonly string[]): void {
  const [flag] = args;
  if (flag === undefined) return;
  if (flag === "--help" || flag === "-h") {
    console.log(`pnpm bench ${name}, without flags: ${what}`);
    process.exit(0);
  }
  console.error(`pnpm bench ${name}: "${flag}" is not known; it has no flags`);
  process.exit(2);
}

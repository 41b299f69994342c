/** What a pipe takes in one piece, in bytes: PIPE_BUF on Linux. */
export const mostWholeBytes = 4_096;

/** Shortest that texts are cut to, in UTF-16 code units. */
const leastText = 8;

/**
 * A line of JSON that several processes can write to one pipe without tearing each other's: the same line
 * when it is short enough, otherwise one whose long texts are cut and that says `"cut": true`.
 *
 * @param line  Ends with a line feed.
 */
export function wholeLine(line: string): string {
  if (Buffer.byteLength(line) <= mostWholeBytes) return line;
  const entry = { ...(JSON.parse(line) as Record<string, unknown>), cut: true };
  for (let most = 2_048; most > leastText; most /= 2) {
    const cut = `${JSON.stringify(entry, (_key, value: unknown) => shortened(value, most))}\n`;
    if (Buffer.byteLength(cut) <= mostWholeBytes) return cut;
  }
  const { level, time, msg } = entry as Record<string, unknown>;
  return `${JSON.stringify({ level, time, msg: shortened(msg, leastText), cut: true })}\n`;
}

function shortened(value: unknown, most: number): unknown {
  return typeof value === "string" && value.length > most ? `${value.slice(0, most)}…` : value;
}

/**
 * Fields that Connection cannot nominate away: without them the message would mean something else. Host and
 * the framing are not among the lines.
 */
const essential: ReadonlySet<string> = new Set([
  "cache-control",
  "authorization",
  "cookie",
  "set-cookie",
]);

/**
 * Field lines without those that Connection nominates: they belong to the hop they came over.
 *
 * @param lines  With their ends.
 * @param nominated  Names in lower case.
 * @see RFC 9110 §7.6.1
 */
export function withoutFields(lines: string, nominated: readonly string[]): string {
  const names = new Set(nominated.filter((name) => !essential.has(name)));
  if (names.size === 0) return lines;
  let kept = "";
  for (let from = 0; from < lines.length;) {
    const end = lines.indexOf("\r\n", from) + 2;
    const name = lines.slice(from, lines.indexOf(":", from)).toLowerCase();
    if (!names.has(name)) kept += lines.slice(from, end);
    from = end;
  }
  return kept;
}

/** Every status the protocol knows; anything else on the wire is read as `UNKNOWN`. */
const statuses = ["UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN"] as const;

/** A status as it stands on the wire. */
export type EurekaStatus = (typeof statuses)[number];

/** The status of exactly that name, in capitals; `undefined` when there is none. */
export function parseStatus(text: string | null | undefined): EurekaStatus | undefined {
  return statuses.find((status) => status === text);
}

/**
 * The status that counts, by Eureka's rules, the first match wins: a node that says it is neither UP nor
 * OUT_OF_SERVICE is believed; then an override; then the status the lease has; then what was posted.
 *
 * So a node cannot go from UP to OUT_OF_SERVICE, or back, by registering again: that takes an override.
 */
export function effectiveStatus(
  posted: EurekaStatus,
  override: EurekaStatus | undefined,
  leased: EurekaStatus | undefined,
): EurekaStatus {
  if (posted !== "UP" && posted !== "OUT_OF_SERVICE") return posted;
  if (override !== undefined) return override;
  return leased === "UP" || leased === "OUT_OF_SERVICE" ? leased : posted;
}

/**
 * The fingerprint clients check their copy with: `DOWN_1_UP_2_`. Counts every status, not only UP, in the
 * order of the names; empty for an empty registry.
 */
export function hashCode(all: Iterable<EurekaStatus>): string {
  const counts = new Map<EurekaStatus, number>();
  for (const status of all) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts.keys()]
    .sort()
    .map((status) => `${status}_${counts.get(status)}_`)
    .join("");
}

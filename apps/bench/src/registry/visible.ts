import type { Side } from "./side.ts";

/** Changes measured; a few before them warm up. */
const changes = 600;
const warmUp = 100;

/** From the call that changes a record to the moment a watching consumer sees it, each in ms. */
export async function visible(side: Side): Promise<{ readonly p50: number; readonly p99: number }> {
  const service = "visible";
  let seen = (_version: string): void => undefined;
  await side.register(service, "first");
  await side.watch(service, (versions) => seen(versions.get("n0") ?? ""));
  const times: number[] = [];
  for (let change = 0; change < changes; change += 1) {
    const version = `v${change}`;
    const shown = new Promise<void>((resolve) => {
      seen = (newest) => {
        if (newest === version) resolve();
      };
    });
    const startedAtMs = performance.now();
    const written = side.register(service, version);
    await shown;
    times.push(performance.now() - startedAtMs);
    await written;
  }
  const settled = times.slice(warmUp).sort((a, b) => a - b);
  const at = (share: number): number => settled[Math.floor(settled.length * share)] ?? Number.NaN;
  return { p50: at(0.5), p99: at(0.99) };
}

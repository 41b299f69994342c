import { fileStamp } from "./config/file-stamp.ts";

/** How often the files are looked at, in ms: APISIX's own pace, and safe on every file system. */
const intervalMs = 1_000;

/**
 * Calls `changed` when a file is no longer as it was read, once all have stayed the same for one look, so that
 * a file being written is not read half-way. Called again with each look until they are read. Keeps no process
 * alive.
 *
 * @param read  Stamps of the files as they were read, by path; asked with each look.
 */
export function watchFiles(
  read: () => ReadonlyMap<string, string>,
  signal: AbortSignal,
  changed: () => void,
): void {
  let seen: ReadonlyMap<string, string> = new Map();
  const look = (): void => {
    const known = read();
    const now = new Map([...known.keys()].map((file) => [file, fileStamp(file)]));
    const isCalm = [...now].every(([file, stamp]) => stamp === (seen.get(file) ?? known.get(file)));
    seen = now;
    if (isCalm && [...now].some(([file, stamp]) => stamp !== known.get(file))) changed();
  };
  const timer = setInterval(look, intervalMs);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

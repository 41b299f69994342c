import { stat } from "node:fs/promises";

/** How often the files are looked at, in ms: APISIX's own pace, and safe on every file system. */
const intervalMs = 1_000;

/**
 * Calls `changed` when one of the files was written, replaced or put in place, once all have stayed the
 * same for one look, so that a file being written is not read half-way.
 *
 * Looks at what the names lead to, so replaced links (as Kubernetes mounts have) are seen. Keeps no
 * process alive.
 *
 * @param files  Those to look at now; one that is new among them has not changed.
 */
export function watchFiles(
  files: () => readonly string[],
  signal: AbortSignal,
  changed: () => void,
): void {
  let seen = new Map<string, string>();
  let told = new Map<string, string>();
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    const names = files();
    const now = new Map(
      await Promise.all(names.map(async (file) => [file, await signature(file)] as const)),
    );
    looking = false;
    if (signal.aborted) return;
    for (const [file, is] of now) if (!told.has(file)) told.set(file, is);
    const isCalm = [...now].every(([file, is]) => (seen.get(file) ?? is) === is);
    if (isCalm && [...now].some(([file, is]) => told.get(file) !== is)) {
      told = new Map(now);
      changed();
    }
    seen = now;
  };
  void look();
  const timer = setInterval(() => void look(), intervalMs);
  timer.unref();
  signal.addEventListener("abort", () => clearInterval(timer), { once: true });
}

async function signature(file: string): Promise<string> {
  try {
    const { mtimeNs, size, ino } = await stat(file, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch (error) {
    // Gone for a moment while it is replaced, or for good: either way a state of its own.
    return String((error as NodeJS.ErrnoException).code);
  }
}

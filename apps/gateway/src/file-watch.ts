import { stat } from "node:fs/promises";

/** How often the files are looked at, in ms: APISIX's own pace, and safe on every file system. */
const intervalMs = 1_000;

/**
 * Calls `changed` when one of the files was written, replaced or put in place, once it has stayed the
 * same for one look, so that a file being written is not read half-way.
 *
 * Looks at what the names lead to, so replaced links (as Kubernetes mounts have) are seen. Keeps no
 * process alive.
 */
export function watchFiles(
  files: readonly string[],
  signal: AbortSignal,
  changed: () => void,
): void {
  let seen: string | undefined;
  let told: string | undefined;
  let looking = false;
  const look = async (): Promise<void> => {
    if (looking) return;
    looking = true;
    const now = (await Promise.all(files.map(signature))).join("\n");
    looking = false;
    if (signal.aborted) return;
    told ??= now;
    if (now === seen && now !== told) {
      told = now;
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

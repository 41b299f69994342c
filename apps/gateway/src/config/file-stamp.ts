import { statSync } from "node:fs";

/**
 * Tells one state of a file from another: when it was written, how long it is, which file it is. One that is
 * gone, for a moment or for good, is in a state of its own.
 *
 * Taken before a file is read: what is written meanwhile then counts as not read yet.
 *
 * @param path  Links are followed, so a link that was replaced (as Kubernetes mounts have) is seen.
 */
export function fileStamp(path: string): string {
  try {
    const { mtimeNs, size, ino } = statSync(path, { bigint: true });
    return `${mtimeNs} ${size} ${ino}`;
  } catch (error) {
    return String((error as NodeJS.ErrnoException).code);
  }
}

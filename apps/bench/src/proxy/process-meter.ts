import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100; // USER_HZ, the unit of /proc/stat: 100 on every Linux that Node runs on.

/** What a process and its descendants have used. */
export class ProcessMeter {
  readonly #pid: number;
  readonly #core: string;

  /**
   * @param pid  A running process.
   * @param core  The core it is pinned to.
   */
  constructor(pid: number, core: string) {
    this.#pid = pid;
    this.#core = core;
  }

  /** CPU time of all threads so far, in µs. Threads that have ended are not in it. */
  cpuUs(): number {
    const threads = this.#family().flatMap((pid) =>
      namesIn(`/proc/${pid}/task`).map((thread) => `/proc/${pid}/task/${thread}/schedstat`),
    );
    return sum(threads.map((file) => Number(textOf(file).split(" ")[0]))) / 1_000;
  }

  /** Resident memory now, in bytes. */
  residentBytes(): number {
    return sum(this.#family().map((pid) => 1_024 * residentKiB(textOf(`/proc/${pid}/status`))));
  }

  /** How long the core has been busy so far, whoever kept it so, the hypervisor included, in µs. */
  coreBusyUs(): number {
    const line = new RegExp(`^cpu${this.#core} (.+)$`, "m").exec(
      readFileSync("/proc/stat", "utf8"),
    );
    const [user = 0, nice = 0, system = 0, , , irq = 0, softirq = 0, steal = 0] = (line?.[1] ?? "")
      .split(" ")
      .map(Number);
    return ((user + nice + system + irq + softirq + steal) / ticksPerSecond) * 1_000_000;
  }

  /** The process and all below it. Looked up each time: a server may replace its workers. */
  #family(): readonly number[] {
    const children = new Map<number, number[]>();
    for (const pid of namesIn("/proc").map(Number).filter(Number.isInteger)) {
      const parent = parentOf(pid);
      children.set(parent, [...(children.get(parent) ?? []), pid]);
    }
    const family = [this.#pid];
    for (const pid of family) family.push(...(children.get(pid) ?? []));
    return family;
  }
}

/** The process that started it; 0 when it has ended. */
function parentOf(pid: number): number {
  const stat = textOf(`/proc/${pid}/stat`);
  // The name in parentheses before it may hold anything.
  return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1] ?? 0);
}

function residentKiB(status: string): number {
  return Number(/^VmRSS:\s*(\d+) kB$/m.exec(status)?.[1] ?? 0);
}

// Processes and threads may end between the list and the look; they count for nothing then.

function namesIn(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function textOf(file: string): string {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return "";
  }
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

import { readdirSync, readFileSync } from "node:fs";

const ticksPerSecond = 100; // USER_HZ, the unit of /proc/stat: 100 on every Linux that Node runs on.
const pageBytes = 4_096;

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
    let nanoseconds = 0;
    for (const pid of this.#family()) {
      for (const thread of readdirSync(`/proc/${pid}/task`)) {
        const text = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, "utf8");
        nanoseconds += Number(text.split(" ")[0]);
      }
    }
    return nanoseconds / 1_000;
  }

  /** Resident memory now, in bytes. */
  residentBytes(): number {
    let pages = 0;
    for (const pid of this.#family()) {
      pages += Number(readFileSync(`/proc/${pid}/statm`, "utf8").split(" ")[1]);
    }
    return pages * pageBytes;
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
    for (const name of readdirSync("/proc")) {
      const pid = Number(name);
      if (!Number.isInteger(pid)) continue;
      const parent = parentOf(pid);
      if (parent !== undefined) children.set(parent, [...(children.get(parent) ?? []), pid]);
    }
    const family = [this.#pid];
    for (const pid of family) family.push(...(children.get(pid) ?? []));
    return family;
  }
}

function parentOf(pid: number): number | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The name in parentheses before it may hold anything.
    return Number(stat.slice(stat.lastIndexOf(")") + 2).split(" ")[1]);
  } catch {
    return undefined; // It ended between the list and the look.
  }
}

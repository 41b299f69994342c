import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";

/** Which cores do what, as `taskset` lists them. */
export interface Cores {
  /** One core, for nothing but the proxy that is measured. */
  readonly proxy: string;
  /** Everything else: the load, the node behind the proxy, this process. */
  readonly load: string;
}

/**
 * Takes the last core this process may use for the proxies and leaves the others to the load, this
 * process included.
 *
 * @throws Error when there is only one core, or no `taskset`.
 */
export function takeCores(): Cores {
  const allowed = allowedCores();
  const proxy = allowed.pop();
  if (proxy === undefined || allowed.length === 0) {
    throw new Error("one core cannot be shared by a proxy and its load; two or more are needed");
  }
  const cores = { proxy, load: allowed.join(",") };
  execFileSync("taskset", ["-a", "-c", "-p", cores.load, String(process.pid)], { stdio: "ignore" });
  return cores;
}

/** The cores this process may use. */
export function allowedCores(): string[] {
  const status = readFileSync("/proc/self/status", "utf8");
  return coresOf(/^Cpus_allowed_list:\s*(\S+)$/m.exec(status)?.[1] ?? "").map(String);
}

/** `0-2,4` as `[0, 1, 2, 4]`. */
export function coresOf(list: string): number[] {
  return list
    .split(",")
    .filter((range) => range !== "")
    .flatMap((range) => {
      const [first = 0, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
}

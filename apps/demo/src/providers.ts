import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

/** A provider process that we started. */
export interface ProviderProcess {
  readonly service: string;
  readonly pid: number;
}

const stopWithinMs = 6_000;

/** The provider processes of the demo: started together, stopped together. */
export class Providers implements AsyncDisposable {
  readonly #children = new Map<ChildProcess, string>();
  readonly #onExit: (provider: ProviderProcess, how: string) => void;

  constructor(onExit: (provider: ProviderProcess, how: string) => void) {
    this.#onExit = onExit;
  }

  get running(): readonly ProviderProcess[] {
    return [...this.#children].map(([child, service]) => ({ service, pid: child.pid ?? 0 }));
  }

  start(service: string, eurekaPort: number): void {
    const script = fileURLToPath(new URL("./provider.js", import.meta.url));
    const child = fork(script, [service, "--eureka-port", String(eurekaPort)], {
      stdio: ["ignore", "ignore", "inherit", "ipc"],
      // A process group of its own: Ctrl-C reaches us alone, and we stop them in order.
      detached: true,
    });
    this.#children.set(child, service);
    child.once("exit", (code, signal) => {
      this.#children.delete(child);
      this.#onExit({ service, pid: child.pid ?? 0 }, signal ?? `exit code ${String(code)}`);
    });
  }

  /** Asks all to deregister and leave; kills those that do not within six seconds. */
  async [Symbol.asyncDispose](): Promise<void> {
    const exits = [...this.#children.keys()].map(async (child) => {
      const exited = once(child, "exit");
      child.kill("SIGTERM");
      const timer = setTimeout(() => child.kill("SIGKILL"), stopWithinMs);
      await exited;
      clearTimeout(timer);
    });
    await Promise.all(exits);
  }
}

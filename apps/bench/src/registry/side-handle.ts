import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { SideCalls } from "./calls.ts";
import type { Backend, SideSettings } from "./side.ts";

const script = fileURLToPath(new URL("./side-process.ts", import.meta.url));
const endDeadlineMs = 10_000;

/** A process with clients of one kind. Disposing ends it in good order, or by force when it does not. */
export interface SideHandle extends AsyncDisposable {
  /** Has it do something. @throws Error with what it says, or when it has ended. */
  call<K extends keyof SideCalls>(
    name: K,
    ...args: Parameters<SideCalls[K]>
  ): Promise<Awaited<ReturnType<SideCalls[K]>>>;
  /** Ends a process as a crash does: this one, or the one that does its work. */
  kill(pid: number): void;
}

type Answer =
  | { readonly id: number; readonly value: unknown }
  | { readonly id: number; readonly error: string };

const running = new Set<ChildProcess>();
process.on("exit", () => {
  for (const child of running) child.kill("SIGKILL");
});

/** Starts one. */
export function startSide(
  backend: Backend,
  name: string,
  url: string,
  settings: SideSettings,
): SideHandle {
  const child = fork(script, [backend.name, name, url, JSON.stringify(settings)], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
    // Not those of this process: `pnpm bench` has it let go of the channel that keeps the other alive.
    execArgv: [],
  });
  const stop = (): void => void child.kill("SIGKILL");
  running.add(child);
  const waiting = new Map<number, PromiseWithResolvers<unknown>>();
  let isOver = false;
  const ended = once(child, "exit").then(() => {
    isOver = true;
    running.delete(child);
    for (const { reject } of waiting.values())
      reject(new Error(`the process of ${name} has ended`));
    return undefined;
  });
  child.on("error", () => undefined);
  child.on("message", (answer: Answer) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("error" in answer) asked?.reject(new Error(answer.error));
    else asked?.resolve(answer.value);
  });
  let last = 0;
  const call = async (name: string, ...args: readonly unknown[]): Promise<never> => {
    if (isOver) throw new Error(`the process of ${name} has ended`);
    const asked = Promise.withResolvers<unknown>();
    const id = (last += 1);
    waiting.set(id, asked);
    child.send({ id, call: name, args });
    return (await asked.promise) as never;
  };
  return {
    call,
    kill: (pid) => void process.kill(pid, "SIGKILL"),
    async [Symbol.asyncDispose]() {
      const late = setTimeout(stop, endDeadlineMs);
      // Some are killed on purpose, and some clients cannot be ended.
      await call("end").catch(() => undefined);
      if (child.connected) child.disconnect();
      await ended;
      clearTimeout(late);
    },
  };
}

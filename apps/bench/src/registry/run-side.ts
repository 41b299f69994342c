import { fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { SideName } from "./side.ts";

const script = fileURLToPath(new URL("./side-process.ts", import.meta.url));

/** What a side asks while it measures. */
export interface Question {
  readonly ask: "change" | "begin" | "end";
  readonly index?: number;
  readonly version?: string;
}

/** Runs one measurement of one side; resolves with what it found. */
export async function runSide(
  backend: string,
  side: SideName,
  measure: string,
  url: string,
  answer: (question: Question) => Promise<void>,
): Promise<Readonly<Record<string, number>>> {
  const child = fork(script, [backend, side, measure, url], {
    stdio: ["ignore", "inherit", "inherit", "ipc"],
  });
  let result: Readonly<Record<string, number>> | undefined;
  child.on("message", (message: Question | { readonly result: Record<string, number> }) => {
    if ("result" in message) result = message.result;
    else void answer(message).then(() => child.send({}));
  });
  const stop = (): void => void child.kill("SIGKILL");
  process.once("exit", stop);
  await once(child, "exit");
  process.off("exit", stop);
  if (result === undefined) throw new Error(`${backend} ${side} ${measure} found nothing`);
  return result;
}

import assert from "node:assert/strict";
import { type ChildProcess, fork } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";

import type { NodeInput, RegistrationState } from "@rollcall/core";

import type { ChildAnswer, ChildCommand, ChildSetup } from "./child-commands.ts";
import { siblingModule } from "./sibling-module.ts";
import type { TestContext } from "./test-context.ts";
import { within } from "./waiting.ts";

/** How long a child may take to start or to end, in ms: processes are slow on a busy machine. */
const processDeadlineMs = 20_000;

/** A process of its own with a registry of the subject in it; it is killed when the test ends. */
export interface Child {
  view(service: string): Promise<void>;
  register(node: NodeInput): Promise<void>;
  /** Starts to watch and to register, without waiting for either. */
  attempt(node: NodeInput): Promise<void>;
  phase(): Promise<RegistrationState["phase"] | undefined>;
  /** Disposes everything in it; the process must then end by itself, with nothing left over. */
  disposeAndExit(): Promise<void>;
  /** Kills it without a chance to say good-bye. */
  kill(): Promise<void>;
  /** Stops it as a suspended machine stops: everything but the clock. */
  suspend(): void;
  resume(): void;
}

/** Starts a child from {@link Subject.child} and {@link Bed.link}. */
export function startChild(context: TestContext): Child {
  const { bed, subject, timing } = context;
  assert.ok(subject.child !== undefined, "subject.child says how to make a registry");
  const setup: ChildSetup = { ...subject.child, link: bed.link, ttlMs: timing.ttlMs };
  const main = fileURLToPath(siblingModule("child-main"));
  const child = fork(main, [JSON.stringify(setup)], {
    execArgv: [],
    stdio: ["ignore", "ignore", "pipe", "ipc"],
  });
  const exited = once(child, "exit").then(([code, signal]) => ({
    code: code as number | null,
    signal: signal as string | null,
  }));
  let errors = "";
  child.stderr?.setEncoding("utf8").on("data", (text: string) => (errors += text));
  context.atEnd(async () => {
    child.kill("SIGKILL");
    await exited;
  });

  const answers = answersOf(child, () => errors);
  // The first message says that it is ready for commands.
  let queue: Promise<unknown> = answers();
  const ask = (command: ChildCommand): Promise<ChildAnswer> => {
    const answer = queue.then(async () => {
      child.send(command);
      const result = await within(`a child to ${command.do}`, processDeadlineMs, answers());
      assert.equal(result.error, undefined);
      return result;
    });
    queue = answer.catch(() => undefined);
    return answer;
  };

  return {
    async view(service) {
      await ask({ do: "view", service });
    },
    async register(node) {
      await ask({ do: "register", node });
    },
    async attempt(node) {
      await ask({ do: "attempt", node });
    },
    async phase() {
      return (await ask({ do: "phase" })).phase;
    },
    async disposeAndExit() {
      const { leaked } = await ask({ do: "dispose" });
      assert.deepEqual(leaked, [], "active resources are back to what they were");
      const exit = await within("the child to exit by itself", processDeadlineMs, exited);
      assert.deepEqual(exit, { code: 0, signal: null }, errors);
    },
    async kill() {
      child.kill("SIGKILL");
      await exited;
    },
    suspend: () => void child.kill("SIGSTOP"),
    resume: () => void child.kill("SIGCONT"),
  };
}

/** Gives the child's messages one by one. */
function answersOf(child: ChildProcess, errors: () => string): () => Promise<ChildAnswer> {
  const arrived: ChildAnswer[] = [];
  let wake: (() => void) | undefined;
  let gone = false;
  child.on("message", (message) => {
    arrived.push(message as ChildAnswer);
    wake?.();
  });
  child.once("exit", () => {
    gone = true;
    wake?.();
  });
  return async () => {
    for (;;) {
      const answer = arrived.shift();
      if (answer !== undefined) return answer;
      if (gone) throw new assert.AssertionError({ message: `the child has ended: ${errors()}` });
      await new Promise<void>((resolve) => {
        wake = resolve;
      });
    }
  };
}

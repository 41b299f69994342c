import cluster, { type Worker } from "node:cluster";
import { fileURLToPath } from "node:url";

import type { ListenAddress } from "@rollcall/proxy";

import type { Order, Refusal, ToPrimary, ToWorker } from "./protocol.ts";

/** How long a worker has to start, or to build a configuration, in ms. */
const prepareMs = 30_000;

/** How long a worker has for what takes no time: going over, and saying what it counted, in ms. */
const answerMs = 5_000;

/** A worker did not do what it was told to. */
export class WorkerError extends Error {
  override readonly name = "WorkerError";
  readonly refusal: Refusal | undefined;

  constructor(message: string, refusal?: Refusal) {
    super(message);
    this.refusal = refusal;
  }
}

/** What the pool does with what a worker says by itself. */
export interface WorkerListener {
  onMessage(worker: WorkerProcess, message: ToPrimary): void;
  /** The process is no more; called once. */
  onExit(worker: WorkerProcess, how: string): void;
}

/** One worker process, from its fork to its end. */
export class WorkerProcess {
  /** Never used again in this primary. */
  readonly id: number;
  readonly pid: number;
  /** From 0: its place among the workers. */
  readonly place: number;
  readonly exited: Promise<void>;
  readonly #worker: Worker;
  readonly #hello: Promise<void>;
  /** Answers that are awaited, by what they answer. */
  readonly #awaited = new Map<string, PromiseWithResolvers<ToPrimary>>();
  #ended: string | undefined;

  constructor(place: number, listener: WorkerListener) {
    const extension = import.meta.url.endsWith(".ts") ? "ts" : "js";
    // Where workers cannot listen by themselves, they share the socket: no process stands between.
    cluster.schedulingPolicy = cluster.SCHED_NONE;
    cluster.setupPrimary({
      exec: fileURLToPath(new URL(`./worker-main.${extension}`, import.meta.url)),
      args: [],
      silent: false,
    });
    this.#worker = cluster.fork();
    this.id = this.#worker.id;
    this.pid = this.#worker.process.pid ?? 0;
    this.place = place;
    const hello = Promise.withResolvers<void>();
    this.#hello = hello.promise;
    hello.promise.catch(() => undefined);
    const exited = Promise.withResolvers<void>();
    this.exited = exited.promise;
    const gone = (how: string): void => {
      if (this.#ended !== undefined) return;
      this.#ended = how;
      const error = new WorkerError(`worker ${place + 1} ${how}`);
      hello.reject(error);
      for (const { reject } of this.#awaited.values()) reject(error);
      this.#awaited.clear();
      exited.resolve();
      listener.onExit(this, how);
    };
    this.#worker.on("error", (error) => {
      // A message that could not be sent means the exit that is told below; a failed fork has no process.
      if (this.pid === 0) gone(`could not be started (${(error as NodeJS.ErrnoException).code})`);
    });
    this.#worker.on("exit", (code, signal) => {
      gone(signal ? `ended by ${signal}` : `ended with exit code ${code}`);
    });
    this.#worker.on("message", (message: ToPrimary) => {
      if (message.kind === "hello") hello.resolve();
      if (message.kind === "leaving") this.#goesNowhere();
      this.#answered(message);
      listener.onMessage(this, message);
    });
  }

  /** Resolves with the addresses that are open once the worker has built what `order` says. */
  async prepare(order: Order): Promise<readonly ListenAddress[]> {
    const { generation } = order;
    const prepared = this.#answer(`prepared ${generation}`, prepareMs);
    this.#hello.then(
      () => this.post({ kind: "prepare", order }),
      () => undefined,
    );
    const answer = await prepared;
    if (answer.kind === "prepared") return answer.addresses;
    const refusal = answer.kind === "refused" ? answer.refusal : undefined;
    throw new WorkerError(
      `worker ${this.place + 1}: ${refusal?.message ?? "unexpected answer"}`,
      refusal,
    );
  }

  /** Resolves when the worker went over; rejects when it did not, or is no more. */
  async commit(generation: number): Promise<void> {
    const committed = this.#answer(`committed ${generation}`, answerMs);
    this.post({ kind: "commit", generation });
    await committed;
  }

  /** Resolves when what the worker counted was told, or cannot be. */
  async count(asked: number, timeoutMs: number): Promise<void> {
    const counted = this.#answer(`counted ${asked}`, timeoutMs);
    this.post({ kind: "count", asked });
    await counted.catch(() => undefined);
  }

  post(message: ToWorker): void {
    if (this.#ended !== undefined || !this.#worker.isConnected()) return;
    // Fails when the worker is dying; its exit says so.
    this.#worker.send(message, () => undefined);
  }

  kill(): void {
    if (this.#ended === undefined) this.#worker.process.kill("SIGKILL");
  }

  #answer(to: string, timeoutMs: number): Promise<ToPrimary> {
    const awaited = Promise.withResolvers<ToPrimary>();
    if (this.#ended !== undefined) {
      awaited.reject(new WorkerError(`worker ${this.place + 1} ${this.#ended}`));
      return awaited.promise;
    }
    this.#awaited.set(to, awaited);
    const timer = setTimeout(() => {
      this.#awaited.delete(to);
      awaited.reject(
        new WorkerError(`worker ${this.place + 1} did not answer within ${timeoutMs} ms`),
      );
    }, timeoutMs);
    return awaited.promise.finally(() => clearTimeout(timer));
  }

  /** It ends: whoever waits for it to go over need not. */
  #goesNowhere(): void {
    const error = new WorkerError(`worker ${this.place + 1} was told to end`);
    for (const [to, { reject }] of this.#awaited) {
      if (!to.startsWith("committed ")) continue;
      this.#awaited.delete(to);
      reject(error);
    }
  }

  #answered(message: ToPrimary): void {
    const to =
      message.kind === "prepared" || message.kind === "refused"
        ? `prepared ${message.generation}`
        : message.kind === "committed"
          ? `committed ${message.generation}`
          : message.kind === "counted"
            ? `counted ${message.asked}`
            : undefined;
    if (to === undefined) return;
    this.#awaited.get(to)?.resolve(message);
    this.#awaited.delete(to);
  }
}

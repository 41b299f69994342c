import { mkdirSync } from "node:fs";
import { join } from "node:path";

import { freePort } from "@rollcall/testbed";

import type { Cores } from "./cores.ts";
import type { Load, Sample, Subject } from "./load.ts";
import type { CertificateFiles, Place } from "./place.ts";
import { ProcessMeter } from "./process-meter.ts";
import type { RunningTarget, Target } from "./target.ts";

/** What one target gave under one load. */
export interface Row {
  readonly target: string;
  /** One for each round. */
  readonly samples: readonly Sample[];
  /** Why there are none, or not one for each round. */
  readonly notServed?: string | undefined;
}

/** All targets under one load. */
export interface Series {
  readonly load: string;
  readonly title: string;
  readonly compared: Load["compared"];
  readonly rows: readonly Row[];
}

/** How a series is run. */
export interface SeriesOptions {
  readonly rounds: number;
  readonly seconds: number;
  readonly cores: Cores;
  /** An empty directory. */
  readonly directory: string;
  readonly certificate: CertificateFiles;
  /** Told before each turn. */
  readonly onTurn?: ((round: number, target: string) => void) | undefined;
}

interface Entrant {
  readonly target: Target;
  readonly samples: Sample[];
  running?: { readonly process: RunningTarget; readonly subject: Subject } | undefined;
  notServed?: string | undefined;
}

/**
 * Runs one load on all targets, interleaved: each round visits every target, each time beginning with
 * another one, so that what the machine does meanwhile falls on all alike.
 */
export async function runSeries(
  load: Load,
  targets: readonly Target[],
  options: SeriesOptions,
): Promise<Series> {
  const scene = {
    cores: options.cores,
    nodePort: await freePort(),
    tls: load.needs === "tls" ? options.certificate : undefined,
    websocket: load.needs === "websocket",
  };
  const entrants: Entrant[] = targets.map((target) => ({ target, samples: [] }));
  await using stack = new AsyncDisposableStack();
  stack.use(await load.startNode({ ...scene, directory: folder(options.directory, "node") }));
  for (let round = 0; round < options.rounds; round += 1) {
    for (let turn = 0; turn < entrants.length; turn += 1) {
      const entrant = entrants[(round + turn) % entrants.length];
      if (entrant === undefined || entrant.notServed !== undefined) continue;
      options.onTurn?.(round, entrant.target.name);
      const directory = folder(options.directory, entrant.target.name);
      try {
        await takeTurn(load, entrant, { ...scene, directory }, options.seconds, stack);
      } catch (error) {
        entrant.notServed = firstLine(error);
        await entrant.running?.process[Symbol.asyncDispose]();
      }
    }
  }
  return {
    load: load.name,
    title: load.title,
    compared: load.compared,
    rows: entrants.map(({ target: { name }, samples, notServed }) => ({
      target: name,
      samples,
      notServed,
    })),
  };
}

async function takeTurn(
  load: Load,
  entrant: Entrant,
  place: Omit<Place, "listenPort">,
  seconds: number,
  stack: AsyncDisposableStack,
): Promise<void> {
  if (entrant.running === undefined) {
    const listenPort = await freePort();
    const process = stack.use(await entrant.target.start({ ...place, listenPort }));
    const subject = {
      origin: `${place.tls === undefined ? "http" : "https"}://127.0.0.1:${listenPort}`,
      port: listenPort,
      meter: new ProcessMeter(process.pid, place.cores.proxy),
    };
    entrant.running = { process, subject };
    await load.probe(subject);
    const { warmUpSeconds = 0 } = entrant.target;
    if (warmUpSeconds > 0 && load.fresh !== true) {
      // What it cannot do yet it may do when it counts.
      await load.run(subject, warmUpSeconds).catch(() => undefined);
    }
  }
  const { process, subject } = entrant.running;
  entrant.samples.push(await load.run(subject, seconds));
  if (load.fresh !== true) return;
  await process[Symbol.asyncDispose]();
  entrant.running = undefined;
}

function firstLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.split("\n", 1)[0] ?? "";
}

function folder(parent: string, name: string): string {
  const path = join(parent, name);
  mkdirSync(path, { recursive: true });
  return path;
}

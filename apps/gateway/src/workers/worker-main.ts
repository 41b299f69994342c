/** A worker process of the gateway; started by the primary, never by hand. */
import cluster from "node:cluster";

import { accessLog } from "../access-log.ts";
import { LogOutput } from "../log-output.ts";
import type { ToPrimary, ToWorker } from "./protocol.ts";
import { WorkerGateway } from "./worker.ts";

/** How long closing may take beyond the drain, in ms. */
const overdueMs = 1_000;

const output = new LogOutput(1, { shared: true });
process.on("exit", () => output.writeRest());

function post(message: ToPrimary, sent: () => void = () => undefined): void {
  // Fails when the primary is gone; what is due then follows from the end of the channel.
  if (process.connected) process.send?.(message, undefined, undefined, () => sent());
  else sent();
}

const worker = new WorkerGateway(post, {
  onAccess: accessLog(output),
  droppedLogLines: () => output.dropped,
});
let isEnding = false;

async function end(drainMs?: number): Promise<void> {
  if (isEnding) return;
  isEnding = true;
  if (drainMs !== undefined) setTimeout(() => process.exit(0), drainMs + overdueMs).unref();
  await worker.stop(drainMs);
  process.exit(0);
}

process.on("message", (message: ToWorker) => {
  if (message.kind === "stop") void end(message.drainMs);
  else worker.onMessage(message);
});

// The primary is gone, and with it whoever could tell us anything: what runs is finished, then we end.
// Node would end a cluster's worker at once.
process.prependListener("disconnect", () => {
  if (cluster.worker !== undefined) cluster.worker.exitedAfterDisconnect = true;
  void end();
});

// A terminal signals the whole group; the primary tells us what to do.
process.on("SIGINT", () => undefined);
process.on("SIGHUP", () => undefined);
process.on("SIGTERM", () => {
  if (isEnding) return;
  post({ kind: "leaving" });
  void end();
});

post({ kind: "hello" });

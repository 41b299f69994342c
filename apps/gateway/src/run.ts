import { DiscoveryError } from "@rollcall/core";
import type { Logger } from "pino";

import { showAddress } from "./address.ts";
import { type ConfigSource, loadConfig, type LoadedConfig } from "./config/load.ts";
import { formatProblem, type Problem } from "./config/problem.ts";
import { entryFault } from "./config/registries/option-keys.ts";
import { showPath } from "./config/show-path.ts";
import { watchFiles } from "./file-watch.ts";
import type { Gateway, GatewayDeps } from "./gateway-contract.ts";
import { startGateway, startGatewayWith } from "./gateway.ts";
import { logDiscovery, nodeChangeLog } from "./log.ts";
import { oneAtATime } from "./one-at-a-time.ts";
import { makeRegistry, type RegistryFactories } from "./registry-factory.ts";
import { WorkerPool } from "./workers/worker-pool.ts";

/** What the running process needs. */
export interface RunParts {
  readonly log: Logger;
  readonly onAccess: GatewayDeps["onAccess"];
  readonly droppedLogLines?: GatewayDeps["droppedLogLines"];
  readonly registries: RegistryFactories;
}

/** What the registries' own packages say against a configuration; nothing is connected to. */
export async function checkRegistries(
  { config, problemAt }: LoadedConfig,
  factories: RegistryFactories,
): Promise<readonly Problem[]> {
  const problems: Problem[] = [];
  for (const one of config?.registries ?? []) {
    try {
      await makeRegistry(one, factories)[Symbol.asyncDispose]();
    } catch (error) {
      if (!(error instanceof DiscoveryError)) throw error;
      const { path: within, fault } = entryFault(one.type, error.reason);
      const path = ["discovery", one.name, ...within];
      problems.push(problemAt!(path, `${showPath(path)} ${fault}`));
    }
  }
  return problems;
}

/** A gateway that follows its files. */
export interface RunningProcess {
  readonly gateway: Gateway;
  /** Reads the files again and goes over to what they say; a wrong file changes nothing. */
  reload(): Promise<void>;
  /** Drains and stops. */
  stop(): Promise<void>;
  /** Ends worker processes at once; for a process that is about to end at once itself. */
  kill(): void;
}

/**
 * Runs a gateway on files: starts it, follows the files, writes the log.
 *
 * @param loaded  What `source` says, without problems.
 * @throws ListenError when an address cannot be opened; WorkerError when workers do not start.
 */
export async function runGateway(
  source: ConfigSource,
  loaded: LoadedConfig,
  { log, registries, ...parts }: RunParts,
): Promise<RunningProcess> {
  const stopping = new AbortController();
  logDiscovery(log, stopping.signal);
  for (const warning of loaded.warnings) log.warn(formatProblem(warning));
  const config = loaded.config!;
  const { onAccess, droppedLogLines } = parts;
  const deps = { registries, onAccess, droppedLogLines, onNodeChange: nodeChangeLog(log) };
  let workers: WorkerPool | undefined;
  const gateway = await (config.workers === 1
    ? startGateway(config, deps)
    : startGatewayWith(config, deps, {
        front: (_listeners, metrics, health) => (workers = new WorkerPool(log, metrics, health)),
      }));
  announce(gateway, log, "listening");

  let { stamps } = loaded;
  const reload = oneAtATime(async () => {
    const next = loadConfig(source);
    // Of a refused one as well: it may be right as soon as its key is there too.
    stamps = new Map([...stamps, ...next.stamps]);
    for (const warning of next.warnings) log.warn(formatProblem(warning));
    try {
      const problems = [...next.problems, ...(await checkRegistries(next, registries))];
      if (next.config === undefined || problems.length > 0) {
        for (const problem of problems) log.error(formatProblem(problem));
        log.error("reload refused, nothing changed");
        gateway.noteRefusedReload(formatProblem(problems[0]!));
        return;
      }
      if ((next.config.workers === 1) !== (workers === undefined)) {
        const reason = `workers: ${next.config.workers} instead of ${gateway.config.workers} needs a restart`;
        gateway.noteRefusedReload(reason);
        throw new Error(reason);
      }
      await gateway.reload(next.config);
      stamps = next.stamps;
      announce(gateway, log, "reloaded");
    } catch (error) {
      const reason = error instanceof Error ? error.message : "unknown error";
      log.error(`reload refused, nothing changed: ${reason}`);
    }
  });
  watchFiles(
    () => stamps,
    stopping.signal,
    () => void reload(),
  );
  return {
    gateway,
    reload,
    async stop() {
      stopping.abort();
      await gateway.close();
    },
    kill: () => workers?.kill(),
  };
}

function announce({ addresses, adminAddress, config }: Gateway, log: Logger, what: string): void {
  log.info(
    {
      listen: addresses.map((address, index) => {
        const scheme = config.listen[index]?.tls === undefined ? "http" : "https";
        return `${scheme}://${showAddress(address)}`;
      }),
      admin: adminAddress === undefined ? undefined : `http://${showAddress(adminAddress)}`,
      routes: config.routes.length,
      registries: config.registries.map(({ name }) => name),
    },
    what,
  );
}

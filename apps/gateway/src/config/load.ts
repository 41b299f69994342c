import { readFileSync } from "node:fs";
import { availableParallelism, homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

import { addressPolicy } from "../upstream/address-policy.ts";
import { type Path, readDocument } from "./document.ts";
import { engineSettings } from "./engine-settings.ts";
import {
  configFileSchema,
  type FileInput,
  type ListenInput,
  routesFileSchema,
} from "./file-schema.ts";
import type {
  ConfigFiles,
  GatewayConfig,
  ListenConfig,
  RegistryConfig,
  RouteConfig,
} from "./gateway-config.ts";
import { type PlacedCertificate, resolveListenTls, resolveSsls } from "./listen-tls.ts";
import { resolveNodeTls } from "./node-tls.ts";
import { fileStamp } from "./file-stamp.ts";
import { PemFiles } from "./pem-files.ts";
import { type Problem, tidyProblems } from "./problem.ts";
import { redact } from "./redaction.ts";
import { unsupportedRegistries } from "./refusal.ts";
import { kindOf, typeOf } from "./registries/kinds.ts";
import { RegistryPlace } from "./registries/registry-kind.ts";
import { type CheckedFile, itemsById, type Resolution, written } from "./resolution.ts";
import { checkService, resolveRoute } from "./route-resolution.ts";
import type { RouteInput, ServiceInput } from "./route-schema.ts";
import type { NodeTlsInput, SslInput } from "./tls-schema.ts";
import { resolveUpstream } from "./upstream-resolution.ts";
import type { UpstreamInput } from "./upstream-schema.ts";
import { showPath } from "./show-path.ts";
import { validate } from "./validation.ts";

/** Where a configuration comes from. */
export interface ConfigSource {
  /** Path of the file given with `--config`, relative to the working directory. */
  readonly configFile: string;
  /** Path of the file given with `--routes`. */
  readonly routesFile?: string | undefined;
  /** For `${{VAR}}`. Default: the process's. */
  readonly environment?: Readonly<Record<string, string | undefined>> | undefined;
  /** What the files hold, by path, when they were read before. Default: they are read. */
  readonly texts?: Readonly<Record<string, string>> | undefined;
}

/** A configuration, or every reason why there is none. */
export interface LoadedConfig {
  /** Absent when there are problems. */
  readonly config?: GatewayConfig | undefined;
  readonly problems: readonly Problem[];
  /** What is accepted and probably not meant. */
  readonly warnings: readonly Problem[];
  /** Every file that was read, or would have been: its stamp just before that, by absolute path. */
  readonly stamps: ReadonlyMap<string, string>;
  /** Something wrong with the value at a path of the main file. Absent when there are problems. */
  readonly problemAt?: ((path: Path, message: string) => Problem) | undefined;
}

/**
 * Reads, checks and resolves a configuration. Reads files and the environment, opens nothing else.
 *
 * Never throws for what a file says or is: everything wrong is in `problems`, all at once.
 */
export function loadConfig(source: ConfigSource): LoadedConfig {
  const environment = source.environment ?? process.env;
  const problems: Problem[] = [];
  const names = [source.configFile];
  if (source.routesFile !== undefined) names.push(source.routesFile);
  const files: CheckedFile[] = [];
  const texts: Record<string, string> = {};
  const stamps = new Map<string, string>();
  for (const [index, name] of names.entries()) {
    stamps.set(resolve(name), fileStamp(name));
    const text = source.texts?.[name] ?? readText(name, problems);
    if (text === undefined) continue;
    texts[name] = text;
    const read = readDocument(name, text, environment);
    problems.push(...read.problems);
    if (read.document === undefined) continue;
    const schema = index === 0 ? configFileSchema : routesFileSchema;
    const validation = validate(read.document, schema);
    problems.push(...validation.problems);
    files.push({ document: read.document, validation });
  }
  const main = files.find(({ document }) => document.file === source.configFile);
  if (main === undefined) return { problems: tidyProblems(problems), warnings: [], stamps };
  return resolveConfig(main, files, { ...source, texts }, { problems, stamps });
}

function resolveConfig(
  main: CheckedFile,
  files: readonly CheckedFile[],
  source: ConfigSource & Pick<ConfigFiles, "texts">,
  { problems, stamps }: { readonly problems: Problem[]; readonly stamps: LoadedConfig["stamps"] },
): LoadedConfig {
  const { document } = main;
  const value = document.value as FileInput;
  const warnings: Problem[] = [];
  const directory = dirname(resolve(source.configFile));
  const routes = itemsById<RouteInput>(files, "routes", problems);
  const upstreams = itemsById<UpstreamInput>(files, "upstreams", problems);
  const services = itemsById<ServiceInput>(files, "services", problems);
  const rules = main.validation.isGood(["node_addresses"]) ? value.node_addresses : undefined;
  const nodeAddresses = { allow: rules?.allow ?? [], deny: rules?.deny ?? [] };
  const pem = new PemFiles(directory, source.texts);
  const said = { problems, warnings, pem };
  const nodeTls = resolveNodeTls(
    document,
    ["node_tls"],
    main.validation.soundPart(["node_tls"]) as NodeTlsInput | undefined,
    undefined,
    said,
  );
  const resolution: Resolution = {
    ...said,
    nodeTls,
    upstreams,
    services,
    registryNames: registryNames(value),
    registryTypes: registryTypes(value),
    policy: addressPolicy(nodeAddresses, []),
  };
  const registries = resolveRegistries(main, directory, said);
  if (source.routesFile === undefined && document.at(["routes"]) === undefined) {
    const message = "routes is missing; add routes: or give a file with --routes";
    problems.push(document.problem([], message));
  }
  for (const item of upstreams.values()) {
    resolveUpstream({ ...item, key: `upstream:${item.id}` }, resolution);
  }
  for (const item of services.values()) checkService(item, resolution);
  const resolved: RouteConfig[] = [];
  for (const item of routes.values()) {
    const route = resolveRoute(item, resolution);
    if (route !== undefined) resolved.push(route);
  }
  const ssls = resolveSsls(itemsById<SslInput>(files, "ssls", problems), said);
  const listen = listeners(main, ssls, said);
  const tidy = {
    problems: tidyProblems(problems),
    warnings: tidyProblems(warnings),
    stamps: new Map([...stamps, ...pem.stamps]),
  };
  if (problems.length > 0) return tidy;
  return {
    ...tidy,
    problemAt: (path, message) => document.problem(path, message),
    config: {
      ...listen,
      files: {
        configFile: source.configFile,
        routesFile: source.routesFile,
        texts: { ...source.texts, ...pem.texts },
      },
      workers: value.workers === "auto" ? mostWorkers() : (value.workers ?? 1),
      registries,
      routes: resolved,
      waitMs: value.wait_ms ?? 1000,
      drainMs: value.drain_timeout ?? 5000,
      snapshotDir: snapshotDirectory(value.snapshot_dir, directory),
      accessLog: value.access_log ?? false,
      engine: engineSettings(value),
      nodeAddresses,
      written: {
        routes: written(routes),
        upstreams: written(upstreams),
        services: written(services),
        discovery: Object.fromEntries(
          Object.entries(value.discovery ?? {}).map(([name, entry]) => [name, redact(entry)]),
        ),
      },
    },
  };
}

function readText(name: string, problems: Problem[]): string | undefined {
  try {
    return new TextDecoder("utf-8", { fatal: true }).decode(readFileSync(name));
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    const reasons: Record<string, string> = {
      ENOENT: "there is no such file",
      EISDIR: "is a directory, not a file",
      EACCES: "may not be read (permission denied)",
      ERR_ENCODING_INVALID_ENCODED_DATA: "is not UTF-8 text",
    };
    problems.push({ file: name, message: reasons[code ?? ""] ?? `cannot be read (${code})` });
    return undefined;
  }
}

function registryNames(value: FileInput): readonly string[] {
  const { discovery } = value;
  return typeof discovery === "object" && discovery !== null ? Object.keys(discovery) : [];
}

function registryTypes(value: FileInput): ReadonlyMap<string, RegistryConfig["type"]> {
  const types = new Map<string, RegistryConfig["type"]>();
  for (const name of registryNames(value)) {
    const type = typeOf(name, value.discovery?.[name]);
    if (type !== undefined) types.set(name, type);
  }
  return types;
}

function resolveRegistries(
  { document, validation }: CheckedFile,
  directory: string,
  said: { readonly problems: Problem[]; readonly warnings: Problem[]; readonly pem: PemFiles },
): readonly RegistryConfig[] {
  const { discovery } = document.value as FileInput;
  const found: RegistryConfig[] = [];
  for (const name of Object.keys(discovery ?? {})) {
    const path = ["discovery", name];
    const input = validation.soundPart(path);
    if (typeof input !== "object") continue;
    const kind = kindOf(name, document.at(path));
    if (kind === undefined) {
      const isWritten = document.at([...path, "type"]) !== undefined;
      if (isWritten || !validation.isGood(path) || unsupportedRegistries.includes(name)) continue;
      const message = `${showPath([...path, "type"])} is missing; say what kind of registry it is, such as type: eureka`;
      said.problems.push(document.keyProblem(path, message));
      continue;
    }
    const place = new RegistryPlace(document, name, directory, said);
    const config = kind.resolve(place, input ?? {});
    if (config !== undefined) found.push(config);
  }
  return found;
}

function listeners(
  { document, validation }: CheckedFile,
  ssls: readonly PlacedCertificate[],
  said: Pick<Resolution, "problems" | "warnings" | "pem">,
): { readonly listen: readonly ListenConfig[]; readonly admin?: ListenConfig } {
  if (!validation.isGood(["listen"]) || !validation.isGood(["admin"])) return { listen: [] };
  const { problems, warnings } = said;
  const { listen = [], admin } = document.value as FileInput;
  const taken = new Map<string, string>();
  const claim = (config: ListenConfig, path: readonly PropertyKey[]): ListenConfig => {
    const address = `${config.host} port ${config.port}`;
    const other = taken.get(address);
    if (config.port !== 0 && other !== undefined) {
      problems.push(document.problem(path, `${config.key} is ${address}, as ${other} is already`));
    }
    taken.set(address, config.key);
    return config;
  };
  const resolved = listen.map((input, index) => {
    const path = ["listen", index];
    const plain = claim(listener(input, `listen[${index}]`), path);
    if (input.tls === undefined) return plain;
    return { ...plain, tls: resolveListenTls(document, [...path, "tls"], input.tls, ssls, said) };
  });
  const [unused] = ssls;
  if (unused !== undefined && listen.every(({ tls }) => tls === undefined)) {
    const message = "ssls is not used: no address of listen has tls, such as tls: {}";
    warnings.push(unused.document.keyProblem(["ssls"], message));
  }
  if (!Object.hasOwn(document.value as object, "admin")) return { listen: resolved };
  const adminListener = claim(listener({ host: admin?.host, port: admin?.port ?? 9090 }, "admin"), [
    "admin",
  ]);
  if (!/^(?:127\.|::1$|localhost$)/.test(adminListener.host)) {
    const message = `admin.host ${adminListener.host} can be reached from other machines; the admin listener has no access control`;
    warnings.push(document.problem(["admin", "host"], message));
  }
  return { listen: resolved, admin: adminListener };
}

function listener(input: ListenInput, key: string): ListenConfig {
  const host = (input.host ?? "127.0.0.1").replace(/^\[(.*)\]$/, "$1");
  return { host, port: input.port, key };
}

/** As many as can run at a time. */
function mostWorkers(): number {
  return Math.min(128, availableParallelism());
}

/** The user's cache directory of this operating system, unless the file says otherwise. */
function snapshotDirectory(
  given: string | false | undefined,
  directory: string,
): string | undefined {
  if (given === false || given === "off") return undefined;
  if (given !== undefined) return resolve(directory, given);
  const own = "rollcall-gateway";
  if (process.platform === "darwin") return join(homedir(), "Library", "Caches", own);
  if (process.platform === "win32") {
    return join(process.env["LOCALAPPDATA"] ?? join(homedir(), "AppData", "Local"), own, "cache");
  }
  return join(process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache"), own);
}

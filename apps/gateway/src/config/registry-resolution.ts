import { readFileSync } from "node:fs";
import { resolve } from "node:path";

import type { EurekaInput, TlsInput } from "./discovery-schema.ts";
import type { ConfigDocument, Path } from "./document.ts";
import type { RegistryConfig, RegistryTls } from "./gateway-config.ts";
import type { Problem } from "./problem.ts";
import { showPath } from "./validation.ts";

/**
 * Fills in the defaults of one entry of `discovery` and reads its PEM files.
 *
 * @param input  What is right in the entry.
 */
export function resolveEureka(
  document: ConfigDocument,
  name: string,
  input: EurekaInput,
  directory: string,
  { problems, warnings }: { readonly problems: Problem[]; readonly warnings: Problem[] },
): RegistryConfig | undefined {
  const path = ["discovery", name];
  const before = problems.length;
  if (input.password !== undefined && input.username === undefined) {
    const message = `${showPath([...path, "username"])} is missing; password needs it`;
    problems.push(document.problem([...path, "password"], message));
  }
  const tls =
    input.tls === undefined
      ? undefined
      : resolveTls(document, [...path, "tls"], input.tls, directory, problems);
  if (problems.length > before || (input.host as unknown) === undefined) return undefined;
  const prefix = input.prefix ?? "/eureka/";
  const added = prefix.replace(/\/+$/, "");
  for (const [index, host] of input.host.entries()) {
    const written = host.replace(/^https?:\/\//i, "").replace(/\/+$/, "");
    // Spring's defaultZone holds the path; here it comes from prefix.
    if (added === "" || !written.endsWith(added)) continue;
    const place = [...path, "host", index];
    const message = `${showPath(place)} ends in ${prefix} already, and prefix adds it once more; leave it out here`;
    warnings.push(document.problem(place, message));
  }
  return {
    name,
    type: "eureka",
    servers: input.host.map((host) => host.replace(/\/+$/, "") + prefix.replace(/\/*$/, "/")),
    intervalMs: (input.fetch_interval ?? 30) * 1000,
    weight: input.weight ?? 100,
    timeouts: {
      connectMs: input.timeout?.connect ?? 2000,
      sendMs: input.timeout?.send ?? 2000,
      readMs: input.timeout?.read ?? 5000,
    },
    username: input.username,
    password: input.password,
    tls,
  };
}

function resolveTls(
  document: ConfigDocument,
  path: Path,
  input: TlsInput,
  directory: string,
  problems: Problem[],
): RegistryTls {
  const pem = (key: "ca" | "cert" | "key"): string | undefined => {
    const value = input[key];
    if (value === undefined || value.trimStart().startsWith("-----BEGIN")) return value;
    const place = [...path, key];
    try {
      const text = readFileSync(resolve(directory, value), "utf8");
      if (text.includes("-----BEGIN")) return text;
      problems.push(document.problem(place, `${showPath(place)}: the file holds no PEM text`));
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const message = `${showPath(place)}: the file cannot be read (${code ?? "unknown error"})`;
      problems.push(document.problem(place, message));
    }
    return undefined;
  };
  if ((input.cert === undefined) !== (input.key === undefined)) {
    const message = `${showPath(path)} needs cert and key together`;
    problems.push(document.problem(path, message));
  }
  return {
    ca: pem("ca"),
    cert: pem("cert"),
    key: pem("key"),
    serverName: input.server_name,
    verify: input.verify ?? true,
  };
}

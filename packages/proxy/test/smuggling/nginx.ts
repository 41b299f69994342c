import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { connect } from "node:net";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";

import { until } from "../wire.ts";

/** A running nginx that answers everything with 200. */
export interface Nginx extends AsyncDisposable {
  /** Where it listens: a Unix socket, so that it takes no port. */
  readonly path: string;
  /** Lines of its access log so far: status, method and target. */
  log(): Promise<readonly string[]>;
}

/** The nginx on the PATH, or where Debian keeps it. */
export function nginxProgram(): string | undefined {
  const folders = [...(process.env["PATH"] ?? "").split(delimiter), "/usr/sbin"];
  return folders.map((folder) => join(folder, "nginx")).find((file) => existsSync(file));
}

export async function startNginx(program: string): Promise<Nginx> {
  const folder = await mkdtemp(join(tmpdir(), "rollcall-nginx-"));
  const path = join(folder, "socket");
  const logFile = join(folder, "access.log");
  await writeFile(join(folder, "nginx.conf"), configuration(folder, path, logFile));
  const nginx = spawn(program, ["-p", folder, "-c", join(folder, "nginx.conf")], {
    stdio: ["ignore", "ignore", "pipe"],
  });
  let complaint = "";
  nginx.stderr.on("data", (bytes: Buffer) => (complaint += bytes.toString()));
  const exited = once(nginx, "exit");
  await until(async () => nginx.exitCode !== null || (await listensOn(path)), "nginx to listen");
  if (nginx.exitCode !== null) throw new Error(`nginx did not start: ${complaint}`);
  return {
    path,
    log: async () => (await readFile(logFile, "utf8")).split("\n").filter((line) => line !== ""),
    async [Symbol.asyncDispose]() {
      nginx.kill("SIGTERM");
      await exited;
      await rm(folder, { recursive: true });
    },
  };
}

/** A socket's file is there before anybody listens on it. */
function listensOn(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect({ path }, () => {
      socket.destroy();
      resolve(true);
    }).once("error", () => resolve(false));
  });
}

/** One process without rights it does not need; all its files in `folder`. */
function configuration(folder: string, path: string, logFile: string): string {
  const temporary = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"]
    .map((name) => `${name}_temp_path ${folder}/${name};`)
    .join("\n");
  return `
daemon off;
master_process off;
pid ${folder}/pid;
error_log stderr warn;
events { worker_connections 128; }
http {
  ${temporary}
  log_format seen '$status $request_method $request_uri';
  access_log ${logFile} seen;
  large_client_header_buffers 4 64k;
  server {
    listen unix:${path};
    location / { return 200 "ok\\n"; }
  }
}
`;
}

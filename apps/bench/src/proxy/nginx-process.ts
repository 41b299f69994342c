import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { answers } from "./http-probe.ts";
import { type PinnedProcess, startPinned } from "./pinned-process.ts";
import { commandOf } from "./tool.ts";

/** One nginx and its configuration. */
export interface NginxOptions {
  /** For errors. */
  readonly what: string;
  /** A directory of its own, for everything it writes. */
  readonly directory: string;
  readonly cores: string;
  /** Content of the `http` block. */
  readonly http: string;
  /** Answers with 200 once it serves. */
  readonly readyUrl: string;
}

/** Starts nginx with one worker, as Debian builds it, and nothing of Debian's configuration. */
export function startNginx(options: NginxOptions): Promise<PinnedProcess> {
  const { what, directory, cores, http, readyUrl } = options;
  const configFile = join(directory, "nginx.conf");
  const folders = ["client_body", "proxy", "fastcgi", "uwsgi", "scgi"];
  const temporary = folders.map((name) => `${name}_temp_path ${join(directory, name)};`);
  writeFileSync(
    configFile,
    // Workers of root would be another user's, who may not read this directory.
    `${process.getuid?.() === 0 ? "user root;" : ""}
daemon off;
worker_processes 1;
worker_rlimit_nofile 20000;
pid ${join(directory, "nginx.pid")};
error_log stderr error;
events { worker_connections 16384; }
http {
  ${temporary.join("\n  ")}
  access_log off;
  sendfile on;
  keepalive_timeout 600s;
  keepalive_requests 1000000000;
${http}
}
`,
  );
  const { path, env } = commandOf("nginx");
  return startPinned({
    what,
    command: path,
    env,
    args: ["-p", directory, "-e", "stderr", "-c", configFile],
    cores,
    logFile: join(directory, "nginx.log"),
    isReady: () => answers(readyUrl),
  });
}

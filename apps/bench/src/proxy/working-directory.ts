import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

import { createAuthority } from "@rollcall/testbed";

import type { CertificateFiles } from "./place.ts";

/** A directory for everything the servers write; gone when this process is. */
export class WorkingDirectory {
  readonly certificate: CertificateFiles;
  readonly #path = mkdtempSync(join(tmpdir(), "rollcall-bench-"));
  #count = 0;

  constructor() {
    process.on("exit", () => rmSync(this.#path, { recursive: true, force: true, maxRetries: 5 }));
    this.certificate = writeCertificate(this.#path);
  }

  /** Runs `use` with an empty directory, and removes it after. Access logs grow large. */
  async with<T>(use: (directory: string) => Promise<T>): Promise<T> {
    const directory = join(this.#path, String((this.#count += 1)));
    mkdirSync(directory);
    try {
      return await use(directory);
    } finally {
      rmSync(directory, { recursive: true, force: true });
    }
  }
}

function writeCertificate(directory: string): CertificateFiles {
  const authority = createAuthority("Rollcall benchmark authority");
  const { certPem, keyPem } = authority.issue("localhost", ["localhost", "127.0.0.1"]);
  const write = (name: string, text: string): string => {
    const file = join(directory, name);
    writeFileSync(file, text, { mode: 0o600 });
    return file;
  };
  return {
    ca: write("ca.pem", authority.caPem),
    cert: write("cert.pem", certPem),
    key: write("key.pem", keyPem),
    both: write("both.pem", `${certPem}\n${keyPem}`),
  };
}

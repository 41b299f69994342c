import { showAddress } from "./address.ts";
import type { ListenConfig } from "./config/gateway-config.ts";

/** An address of `listen` or `admin` that could not be opened. */
export class ListenError extends Error {
  override readonly name = "ListenError";
  /** `EADDRINUSE`, `EACCES`, `EADDRNOTAVAIL`… */
  readonly code: string;
  /** Where it is set: `listen[0]`. */
  readonly key: string;

  constructor(config: ListenConfig, cause: unknown) {
    const code = (cause as NodeJS.ErrnoException).code ?? "unknown error";
    const reasons: Record<string, string> = {
      EADDRINUSE: `is in use; stop the other process or change ${config.key}.port`,
      EACCES: `may not be opened by this user; change ${config.key}.port`,
      EADDRNOTAVAIL: `is not an address of this machine; change ${config.key}.host`,
      ENOTFOUND: `is not a name that resolves; change ${config.key}.host`,
    };
    super(`${config.key}: ${showAddress(config)} ${reasons[code] ?? `cannot be opened (${code})`}`);
    this.code = code;
    this.key = config.key;
  }
}

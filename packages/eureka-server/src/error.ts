/**
 * Why a server could not start. Match on {@link EurekaServerError.code}, never on the message.
 *
 * `INVALID` is a bad option; the message names the option, its value and the fix. Any other code is the
 * one of the operating system: `EADDRINUSE` (the port is taken), `EACCES`, `EADDRNOTAVAIL`, `ENOTFOUND`.
 */
export class EurekaServerError extends Error {
  override readonly name = "EurekaServerError";
  readonly code: string;

  constructor(code: string, reason: string, cause?: unknown) {
    super(`eureka-server: ${reason}`, cause === undefined ? undefined : { cause });
    this.code = code;
  }
}

import type { AccessLine } from "./gateway-contract.ts";
import type { LogOutput } from "./log-output.ts";

/** What JSON writes as it is. */
const plain = /^[\u0020\u0021\u0023-\u005b\u005d-\u007e]*$/;

/**
 * Writes one JSON line per finished request, field by field: a serialiser that knows nothing of them costs more
 * than all that the gateway itself does for a small request.
 */
export function accessLog(output: LogOutput): (line: AccessLine) => void {
  const clock = new IsoClock();
  return (line) => {
    const { method, target, status, attempts, node, route, service } = line;
    const elapsedMs = Math.round(line.elapsedMs * 1_000) / 1_000;
    // A method is a token, and an address an address: neither has a quote in it.
    output.writeSoon(
      `{"level":"info","time":"${clock.now()}","method":"${method}","target":${quoted(target)},` +
        `"status":${status},"attempts":${attempts}${field("node", node)}${field("route", route)}` +
        `${field("service", service)},"elapsed_ms":${elapsedMs},` +
        `"remote_address":"${line.remoteAddress}","msg":"request"}\n`,
    );
  };
}

function field(name: string, value: string | undefined): string {
  return value === undefined ? "" : `,"${name}":${quoted(value)}`;
}

function quoted(text: string): string {
  return plain.test(text) ? `"${text}"` : JSON.stringify(text);
}

/** Tells the time in ISO 8601; within a millisecond the text is the same. */
class IsoClock {
  #ms = 0;
  #text = "";

  now(): string {
    const ms = Date.now();
    if (ms !== this.#ms) {
      this.#ms = ms;
      this.#text = new Date(ms).toISOString();
    }
    return this.#text;
  }
}

import { asDiscoveryError, DiscoveryError } from "@rollcall/core";
import { holdProcess, withDeadline } from "@rollcall/core/adapter";

import type { Connection } from "./connection.ts";
import { Login } from "./login.ts";
import { Members } from "./members.ts";
import { authenticateRequest, readToken } from "./messages.ts";
import type { ResolvedOptions } from "./options.ts";
import { RpcFailure, status, toDiscoveryError } from "./rpc-failure.ts";

/** One call, and how far it may go. */
export interface RpcCall {
  /** `/etcdserverpb.KV/Range` */
  readonly method: string;
  readonly request: Buffer;
  /** For errors: `read /rollcall/orders/`. */
  readonly operation: string;
  readonly signal: AbortSignal;
  /** How many members may be asked. Default: each one, and at least two connections. */
  readonly attempts?: number | undefined;
  /** How long one member may take, in ms, if that is less than `requestMs`. */
  readonly attemptMs?: number | undefined;
  /** Without a token. Default `false`. */
  readonly anonymous?: boolean | undefined;
}

/** What a stream begins with. */
export interface Access {
  readonly connection: Connection;
  readonly token: string | undefined;
}

interface Where {
  readonly registry: string;
  readonly operation: string;
}

const authenticate = "/etcdserverpb.Auth/Authenticate";

/** Calls to a cluster as a whole: members, log-in, deadlines. Knows bytes, not keys. */
export class Rpc {
  readonly #options: ResolvedOptions;
  readonly #members: Members;
  readonly #login: Login;

  constructor(options: ResolvedOptions) {
    this.#options = options;
    this.#members = new Members(options);
    this.#login = new Login(options, (name, password) => this.#authenticate(name, password));
  }

  /** @throws {@link DiscoveryError}; the signal's reason. */
  async call(call: RpcCall): Promise<Buffer> {
    const { signal } = call;
    // Somebody waits for the answer.
    const release = holdProcess();
    try {
      return await this.#withDeadline(call.operation, signal, (own) => this.#attempts(call, own));
    } catch (thrown) {
      if (signal.aborted) throw signal.reason;
      throw thrown;
    } finally {
      release();
    }
  }

  /** @throws As {@link call}. */
  access(operation: string, signal: AbortSignal): Promise<Access> {
    return this.#withDeadline(operation, signal, async () => {
      const token = await this.#login.token();
      return { connection: await this.#connection(this.#where(operation)), token };
    });
  }

  /** A member did not know the token. */
  forget(token: string | undefined): void {
    this.#login.forget(token);
  }

  close(reason: unknown): void {
    this.#members.close(reason);
  }

  async #attempts(call: RpcCall, signal: AbortSignal): Promise<Buffer> {
    const { requestMs, hosts, username } = this.#options;
    // At least two: a connection may have gone stale while nobody used it.
    const { attempts = Math.max(2, hosts.length), attemptMs = requestMs, anonymous = false } = call;
    const where = this.#where(call.operation);
    const limits = { timeoutMs: Math.min(requestMs, attemptMs), signal };
    let isRenewed = anonymous || username === undefined;
    for (let attempt = 1; ;) {
      const token = anonymous ? undefined : await this.#login.token();
      const connection = await this.#connection(where);
      signal.throwIfAborted();
      try {
        const { method, request } = call;
        const answer = await connection.call(method, request, headersOf(token), limits);
        this.#login.used(token);
        return answer;
      } catch (thrown) {
        if (!(thrown instanceof RpcFailure)) throw thrown;
        if (thrown.isAboutToken && !isRenewed) {
          isRenewed = true;
          this.#login.forget(token);
          continue;
        }
        if (!thrown.isWorthAnotherTry) throw toDiscoveryError(thrown, where);
        this.#members.turnFrom(connection);
        if (attempt >= attempts) throw toDiscoveryError(thrown, where);
        attempt += 1;
      }
    }
  }

  async #connection(where: Where): Promise<Connection> {
    try {
      return await this.#members.connection();
    } catch (thrown) {
      throw thrown instanceof RpcFailure
        ? toDiscoveryError(thrown, where)
        : asDiscoveryError(thrown, where);
    }
  }

  async #authenticate(name: string, password: string): Promise<string | undefined> {
    const operation = "log in";
    const request = authenticateRequest(name, password);
    // Everybody's, so it hears no caller's signal.
    const { signal } = new AbortController();
    let answer: Buffer;
    try {
      answer = await this.call({
        method: authenticate,
        request,
        operation,
        signal,
        anonymous: true,
      });
    } catch (thrown) {
      if (isWithoutLogin(thrown)) return undefined;
      throw thrown;
    }
    const token = readOr(() => readToken(answer), this.#where(operation));
    // It goes into a header.
    if (/^[\u0021-\u007e]+$/.test(token)) return token;
    const reason = "the token is no text of visible characters";
    throw new DiscoveryError({ code: "PROTOCOL", ...this.#where(operation), reason });
  }

  /** A deadline for all attempts; each of them, and each connection, has one of its own. */
  #withDeadline<T>(
    operation: string,
    signal: AbortSignal,
    call: (signal: AbortSignal) => Promise<T>,
  ): Promise<T> {
    const { connectMs, requestMs, hosts, clock } = this.#options;
    const timeoutMs = (connectMs + requestMs) * Math.max(2, hosts.length);
    return withDeadline({ ...this.#where(operation), timeoutMs, signal, clock }, call);
  }

  #where(operation: string): Where {
    return { registry: this.#options.name, operation };
  }
}

/**
 * With `hasleader` a member that lost its leader says so; without it, it would leave a watch open in
 * silence.
 */
export function headersOf(token: string | undefined): Readonly<Record<string, string>> {
  return token === undefined ? { hasleader: "true" } : { hasleader: "true", token };
}

/** Reads an answer; one that cannot be read is `PROTOCOL`. */
export function readOr<T>(reading: () => T, where: Where): T {
  try {
    return reading();
  } catch (cause) {
    const reason = "the answer is no message of etcd's";
    throw new DiscoveryError({ code: "PROTOCOL", ...where, reason, cause });
  }
}

/** The failure on the wire that an error stands for. */
export function failureBehind(thrown: unknown): RpcFailure | undefined {
  const cause = thrown instanceof DiscoveryError ? thrown.cause : undefined;
  return cause instanceof RpcFailure ? cause : undefined;
}

function isWithoutLogin(thrown: unknown): boolean {
  const failure = failureBehind(thrown);
  return failure?.code === status.failedPrecondition && failure.details.includes("not enabled");
}

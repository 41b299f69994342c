import { DiscoveryError } from "@rollcall/core";
import { withDeadline } from "@rollcall/core/adapter";

import { parseJson } from "./body.ts";
import { fault, type Where } from "./fault.ts";
import type { HttpExchange, HttpReply } from "./http-exchange.ts";
import { groupedName, type ServiceKey } from "./names.ts";
import type { ResolvedOptions } from "./options.ts";
import { isRecord } from "./record.ts";
import type { Credentials, Server } from "./server-url.ts";
import { sign, type Signature } from "./signature.ts";

/** What a request shows of who sends it. */
export interface Identity {
  readonly token?: string | undefined;
  readonly signature?: Signature | undefined;
}

interface Token {
  readonly text: string;
  readonly madeAtMs: number;
  /** From then on a new one is fetched before it is used. */
  readonly renewAtMs: number;
  readonly expiresAtMs: number;
}

/** Where versions 3, 2 and 1 log in, in this order. */
const loginPaths = ["/v3/auth/user/login", "/v1/auth/login", "/v1/auth/users/login"] as const;

/** A token this young was refused for what it is, not for its age. */
const youngMs = 1_000;

/**
 * Tokens and signatures. Logs in over HTTP, also for gRPC, and again before a token runs out; one token per
 * server, fetched once however many calls want it.
 */
export class Access {
  readonly #options: ResolvedOptions;
  readonly #exchange: HttpExchange;
  readonly #tokens = new Map<Server, Token>();
  readonly #logins = new Map<Server, Promise<Token>>();
  readonly #closing = new AbortController();

  constructor(options: ResolvedOptions, exchange: HttpExchange) {
    this.#options = options;
    this.#exchange = exchange;
  }

  /**
   * @param key  The service the request is about.
   * @throws {@link DiscoveryError} `AUTH`, or why the log-in could not be answered; the signal's reason.
   */
  async identity(
    server: Server,
    key: Pick<ServiceKey, "group" | "service"> | undefined,
    signal: AbortSignal,
  ): Promise<Identity> {
    const { keys, clock } = this.#options;
    const subject = key === undefined ? undefined : groupedName(key);
    const signature = keys === undefined ? undefined : sign(keys, subject, clock.unixMs());
    if (!this.#logsIn(server)) return { signature };
    return { signature, token: await this.#token(server, signal) };
  }

  /** To be told of a refusal; whether trying again, with a new token, makes sense. */
  refused(server: Server, { token }: Identity): boolean {
    const held = this.#tokens.get(server);
    if (token === undefined || held === undefined) return false;
    if (held.text !== token) return true;
    if (this.#options.clock.monotonicMs() - held.madeAtMs < youngMs) return false;
    this.#tokens.delete(server);
    return true;
  }

  close(): void {
    this.#closing.abort(fault("CLOSED", this.#where("log in"), "the registry is disposed"));
  }

  #logsIn(server: Server): boolean {
    return server.credentials !== undefined || this.#options.username !== undefined;
  }

  async #token(server: Server, signal: AbortSignal): Promise<string> {
    const { clock, connectMs, sendMs, readMs } = this.#options;
    const held = this.#tokens.get(server);
    if (held !== undefined && clock.monotonicMs() < held.renewAtMs) return held.text;
    let login = this.#logins.get(server);
    if (login === undefined) {
      login = this.#logIn(server);
      this.#logins.set(server, login);
      const over = (): boolean => this.#logins.delete(server);
      login.then(over, over);
    }
    const shared = login;
    // Each path may take a whole exchange.
    const timeoutMs = (connectMs + sendMs + readMs) * loginPaths.length;
    const where = this.#where(`log in at ${server.origin}`);
    try {
      const made = await withDeadline({ ...where, timeoutMs, signal, clock }, () => shared);
      return made.text;
    } catch (thrown) {
      signal.throwIfAborted();
      // Early renewal has time: what still holds is used until a log-in works again.
      const mayWait = thrown instanceof DiscoveryError && thrown.retryable;
      if (mayWait && held !== undefined && clock.monotonicMs() < held.expiresAtMs) return held.text;
      throw thrown;
    }
  }

  async #logIn(server: Server): Promise<Token> {
    const { clock, random } = this.#options;
    const where = this.#where(`log in at ${server.origin}`);
    const { username, password } = await this.#credentials(server, where);
    const operation = "log in";
    for (const path of loginPaths) {
      const madeAtMs = clock.monotonicMs();
      const reply = await this.#exchange.send(
        server,
        { operation, method: "POST", path, form: { username, password } },
        this.#closing.signal,
      );
      if (reply.status === 404 || reply.status === 405 || reply.status === 501) continue;
      const { accessToken, ttlMs } = readToken(reply, where);
      const token: Token = {
        text: accessToken,
        madeAtMs,
        renewAtMs: madeAtMs + ttlMs * (0.9 - 0.1 * random()),
        expiresAtMs: madeAtMs + ttlMs,
      };
      this.#tokens.set(server, token);
      return token;
    }
    throw fault("PROTOCOL", where, "the server has no log-in; is the prefix right?");
  }

  async #credentials(server: Server, where: Where): Promise<Credentials> {
    if (server.credentials !== undefined) return server.credentials;
    const { username = "", password = "" } = this.#options;
    if (typeof password === "string") return { username, password };
    let given: unknown;
    try {
      given = await password();
    } catch {
      // Its error may hold what it was asked for.
      given = undefined;
    }
    if (typeof given === "string") return { username, password: given };
    throw fault("AUTH", where, "the password function gave no text");
  }

  #where(operation: string): Where {
    return { registry: this.#options.name, operation };
  }
}

function readToken(
  { status, text }: HttpReply,
  where: Where,
): { readonly accessToken: string; readonly ttlMs: number } {
  if (status === 200) {
    const answer = parse(text, where);
    // Some versions put it into an envelope.
    const data = isRecord(answer) && isRecord(answer["data"]) ? answer["data"] : answer;
    if (isRecord(data)) {
      const { accessToken, tokenTtl } = data;
      const ttlMs = Number(tokenTtl) * 1_000;
      if (typeof accessToken === "string" && /^[!-~]+$/.test(accessToken) && ttlMs > 0) {
        return { accessToken, ttlMs };
      }
    }
    throw fault("PROTOCOL", where, "the answer has no token");
  }
  if (status === 502 || status === 503 || status === 504 || status === 429) {
    throw fault("UNAVAILABLE", where, `the server answered ${status}`);
  }
  if (status === 400 || status === 401 || status === 403 || status === 500) {
    // For a wrong password servers answer 500, 403 or both, depending on their version and the user.
    throw fault("AUTH", where, `the server answered ${status}: wrong user name or password`);
  }
  throw fault("PROTOCOL", where, `the server answered ${status}`);
}

function parse(text: string, where: Where): unknown {
  try {
    return parseJson(text);
  } catch (cause) {
    throw fault("PROTOCOL", where, (cause as Error).message);
  }
}

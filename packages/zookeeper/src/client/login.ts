import { DiscoveryError } from "@rollcall/core";

import type { Connection } from "./connection.ts";
import { answerChallenge } from "./digest-md5.ts";
import { errorCode, errorOf } from "./error-code.ts";
import { sasl } from "./requests.ts";

/** Who we are to the servers. */
export interface Login {
  /**
   * `digest`: an identity that ACLs name; servers do not check it by themselves. `sasl`: a log-in with DIGEST-MD5,
   * which servers do check.
   */
  readonly scheme: "digest" | "sasl";
  readonly username: string;
  /** A function is asked at each connection. */
  readonly password: string | (() => string | Promise<string>);
}

// What servers and Java clients agree on, whatever the server's name is.
const saslUri = "zookeeper/zk-sasl-md5";

/** Logs in on a new connection, before anything else is sent on it. */
export async function logIn(
  connection: Connection,
  logins: readonly Login[],
  registry: string,
): Promise<void> {
  for (const { scheme, username, password: given } of logins) {
    const password =
      typeof given === "string" ? given : await orLost(connection, ask(given, registry));
    if (scheme === "digest") {
      await connection.addIdentity("digest", Buffer.from(`${username}:${password}`));
    } else {
      await logInWithSasl(connection, { username, password, uri: saslUri }, registry);
    }
  }
}

async function logInWithSasl(
  connection: Connection,
  login: Parameters<typeof answerChallenge>[1],
  registry: string,
): Promise<void> {
  const operation = "log in with SASL";
  const refuse = (reason: string, cause?: unknown): DiscoveryError =>
    new DiscoveryError({ code: "AUTH", registry, operation, reason, cause });
  const step = async (token: Uint8Array): Promise<Buffer> => {
    const { error, value } = await connection.request(sasl(token));
    if (error !== errorCode.ok) throw errorOf(error, { registry, operation });
    return value ?? Buffer.alloc(0);
  };
  const challenge = await step(Buffer.alloc(0));
  let answer;
  try {
    answer = answerChallenge(challenge, login);
  } catch (cause) {
    throw refuse("the server's challenge is not of DIGEST-MD5", cause);
  }
  if (!answer.proves(await step(answer.token))) {
    throw refuse("the server does not know the password");
  }
}

/** A password that never comes must not hold what the connection's deadline ends. */
async function orLost<T>({ lost }: Connection, promise: Promise<T>): Promise<T> {
  const over = Promise.withResolvers<never>();
  const onLost = (): void => over.reject(lost.reason);
  lost.addEventListener("abort", onLost, { once: true });
  if (lost.aborted) onLost();
  try {
    return await Promise.race([over.promise, promise]);
  } finally {
    lost.removeEventListener("abort", onLost);
  }
}

async function ask(password: () => string | Promise<string>, registry: string): Promise<string> {
  try {
    return await password();
  } catch (cause) {
    const reason = "the password function failed";
    throw new DiscoveryError({ code: "AUTH", registry, operation: "log in", reason, cause });
  }
}

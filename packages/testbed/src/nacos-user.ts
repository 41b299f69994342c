import type { NacosVersion } from "./nacos-version.ts";
import { until } from "./until.ts";

// Long, since what came too late to be heard cannot be asked for twice.
const deadlineMs = 30_000;

/**
 * Gives a new server its first user, `nacos`, and waits until that can log in: the server learns of it some seconds later.
 *
 * @throws Error with the server's answer
 */
export async function initialiseNacosUser(
  url: string,
  version: NacosVersion,
  password: string,
): Promise<void> {
  const [create, login] =
    version === "3.1"
      ? ["/nacos/v3/auth/user/admin", "/nacos/v3/auth/user/login"]
      : ["/nacos/v1/auth/users/admin", "/nacos/v1/auth/login"];
  const created = await post(url + create, { password });
  if (!created.ok) throw new Error(`Nacos answered ${created.status}: ${await created.text()}`);
  await until(async () => (await post(url + login, { username: "nacos", password })).ok, {
    what: "the first log-in",
    deadlineMs: 60_000,
    everyMs: 200,
  });
}

function post(url: string, form: Readonly<Record<string, string>>): Promise<Response> {
  return fetch(url, {
    method: "POST",
    body: new URLSearchParams(form),
    signal: AbortSignal.timeout(deadlineMs),
  });
}

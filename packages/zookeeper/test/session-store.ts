import { parseServerList } from "../src/client/server-list.ts";
import type { Session, SessionOptions } from "../src/client/session.ts";
import type { RawStore } from "./raw-records.ts";

const acl = [{ permissions: 31, scheme: "world", id: "anyone" }];

/**
 * Options of a session of our own.
 *
 * @param servers  A connect string, or a port of 127.0.0.1.
 */
export function sessionOptions(
  servers: string | number,
  given: Partial<SessionOptions> = {},
): SessionOptions {
  return {
    registry: "test",
    servers: parseServerList(typeof servers === "number" ? `127.0.0.1:${servers}` : servers)
      .servers,
    timeoutMs: 10_000,
    connectTimeoutMs: 5_000,
    requestTimeoutMs: 5_000,
    maxFrameBytes: 2 ** 24,
    logins: [],
    tls: undefined,
    ...given,
  };
}

/** With our own client, for servers that want a log-in of which other Node.js clients know nothing. */
export function sessionStore(session: Session): RawStore {
  const signal = (): AbortSignal => AbortSignal.timeout(10_000);
  return {
    async put(path, data) {
      const link = await session.link(signal());
      const bytes = Buffer.from(data);
      const names = path.split("/").slice(1);
      for (let depth = 1; depth < names.length; depth += 1) {
        const parent = `/${names.slice(0, depth).join("/")}`;
        const empty = new Uint8Array();
        await link.create({ path: parent, data: empty, acl, mode: "persistent" }, signal());
      }
      const end = await link.create({ path, data: bytes, acl, mode: "persistent" }, signal());
      if (end === "exists") await link.write(path, bytes, -1, signal());
    },
    async get(path) {
      const link = await session.link(signal());
      return (await link.read(path, signal()))?.data.toString();
    },
    async remove(path) {
      const link = await session.link(signal());
      await link.remove(path, -1, signal());
    },
  };
}

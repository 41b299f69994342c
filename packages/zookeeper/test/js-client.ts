import { createRequire } from "node:module";

type Done<T> = (error: Error | null, value: T, stat?: unknown) => void;

/** What the tests use of `node-zookeeper-client`; its own types lack a part of it. */
export interface JsClient {
  connect(): void;
  close(): void;
  once(event: "connected" | "disconnected", listener: () => void): void;
  addAuthInfo(scheme: string, auth: Buffer): void;
  create(path: string, data: Buffer, mode: number, done: Done<string>): void;
  mkdirp(path: string, done: Done<string>): void;
  setData(path: string, data: Buffer, done: Done<unknown>): void;
  getData(path: string, done: Done<Buffer>): void;
  getACL(path: string, done: Done<readonly JsAcl[]>): void;
  getChildren(path: string, watcher: (event: unknown) => void, done: Done<string[]>): void;
  remove(path: string, done: Done<unknown>): void;
  getSessionId(): Buffer;
}

/** One entry of an ACL as the client shows it. */
export interface JsAcl {
  readonly permission: number;
  readonly id: { readonly scheme: string; readonly id: string };
}

const { createClient, CreateMode } = createRequire(import.meta.url)("node-zookeeper-client") as {
  readonly createClient: (connectString: string, options?: object) => JsClient;
  readonly CreateMode: { readonly EPHEMERAL: number; readonly PERSISTENT: number };
};

/** Modes of {@link JsClient.create}. */
export const ephemeral: number = CreateMode.EPHEMERAL;
export const persistent: number = CreateMode.PERSISTENT;

/** Connects the client as its README does, runs `action` and closes it. */
export async function withJsClient<T>(
  connectString: string,
  action: (client: JsClient) => Promise<T>,
): Promise<T> {
  const client = createClient(connectString, { sessionTimeout: 10_000, spinDelay: 100 });
  const connected = new Promise<void>((resolve) => client.once("connected", resolve));
  client.connect();
  try {
    await connected;
    return await action(client);
  } finally {
    client.close();
  }
}

/** Makes a promise of a call with a callback. */
export function settled<T>(act: (done: Done<T>) => void): Promise<T> {
  return new Promise((resolve, reject) => {
    act((error, value) => (error ? reject(error) : resolve(value)));
  });
}

/** Whether the client said that there is no such znode. */
export function isMissing(error: unknown): boolean {
  return (error as { name?: string }).name === "NO_NODE";
}

import type { JuteReader, JuteWriter } from "./jute.ts";

/** One call of the protocol: what is sent and how its answer is read. */
export interface Request<T> {
  /** Operation code. */
  readonly type: number;
  /** Verb and path, for errors. */
  readonly operation: string;
  write(out: JuteWriter): void;
  read(answer: JuteReader): T;
}

/** What we use of a znode's facts. */
export interface Stat {
  /** Counts changes of the data; the condition of a conditional write. */
  readonly version: number;
  /** Session that it ends with; 0n when it ends with none. */
  readonly ephemeralOwner: bigint;
  readonly numChildren: number;
}

/** A znode's data and facts. */
export interface Stored {
  readonly data: Buffer;
  readonly stat: Stat;
}

/** Who may do what with a znode. */
export interface AclEntry {
  /** Sum of 1 read, 2 write, 4 create, 8 delete, 16 admin. */
  readonly permissions: number;
  readonly scheme: string;
  readonly id: string;
}

/** How a znode lives: until it is removed, as long as our session, or as long as it has children. */
export type CreateMode = "persistent" | "ephemeral" | "container";

/** What it takes to create a znode. */
export interface NewZnode {
  readonly path: string;
  readonly data: Uint8Array;
  readonly acl: readonly AclEntry[];
  readonly mode: CreateMode;
}

const op = {
  create: 1,
  delete: 2,
  exists: 3,
  getData: 4,
  setData: 5,
  getChildren: 8,
  sync: 9,
  multi: 14,
  removeWatches: 18,
  createContainer: 19,
  sasl: 102,
  addWatch: 106,
} as const;

const createFlags: Readonly<Record<CreateMode, number>> = {
  persistent: 0,
  ephemeral: 1,
  container: 4,
};

/** Ends the session. The answer may be followed, or replaced, by the end of the connection. */
export const closeSession: Request<void> = {
  type: -11,
  operation: "close session",
  write() {},
  read() {},
};

export function exists(path: string, watch: boolean): Request<Stat> {
  const write = pathAndWatch(path, watch);
  return { type: op.exists, operation: `exists ${path}`, write, read: readStat };
}

export function getData(path: string, watch: boolean): Request<Stored> {
  return {
    type: op.getData,
    operation: `read ${path}`,
    write: pathAndWatch(path, watch),
    read: (answer) => ({ data: answer.bytes(), stat: readStat(answer) }),
  };
}

export function getChildren(path: string, watch: boolean): Request<readonly string[]> {
  return {
    type: op.getChildren,
    operation: `list ${path}`,
    write: pathAndWatch(path, watch),
    read: (answer) => answer.texts(),
  };
}

export function create(znode: NewZnode): Request<void> {
  return {
    // A server that does not know containers knows this operation no more than the mode.
    type: createType(znode),
    operation: `create ${znode.path}`,
    write: (out) => writeCreate(out, znode),
    read() {},
  };
}

export function setData(path: string, data: Uint8Array, version: number): Request<void> {
  return {
    type: op.setData,
    operation: `write ${path}`,
    write: (out) => out.text(path).bytes(data).int(version),
    read() {},
  };
}

export function remove(path: string, version: number): Request<void> {
  return {
    type: op.delete,
    operation: `delete ${path}`,
    write: (out) => out.text(path).int(version),
    read() {},
  };
}

/**
 * Deletes a znode of that version and creates another in its place: both or neither. The answer is the error code
 * of the part that failed, 0 when none did.
 */
export function replace(version: number, znode: NewZnode): Request<number> {
  return {
    type: op.multi,
    operation: `replace ${znode.path}`,
    write(out) {
      out.int(op.delete).bool(false).int(-1).text(znode.path).int(version);
      out.int(createType(znode)).bool(false).int(-1);
      writeCreate(out, znode);
      out.int(-1).bool(true).int(-1);
    },
    read: failedPart,
  };
}

/** Lets the server catch up with the leader before it answers what is asked next. */
export function sync(path: string): Request<void> {
  return { type: op.sync, operation: `sync ${path}`, write: (out) => out.text(path), read() {} };
}

/** A watch on a path and all below it, there or not, that stays. Servers from 3.6 on. */
export function addRecursiveWatch(path: string): Request<void> {
  return {
    type: op.addWatch,
    operation: `watch ${path}`,
    write: (out) => out.text(path).int(1),
    read() {},
  };
}

/** Takes every watch of ours on this path away. */
export function removeWatches(path: string): Request<void> {
  const any = 3;
  return {
    type: op.removeWatches,
    operation: `unwatch ${path}`,
    write: (out) => out.text(path).int(any),
    read() {},
  };
}

/** One step of a SASL exchange. */
export function sasl(token: Uint8Array): Request<Buffer> {
  return {
    type: op.sasl,
    operation: "log in with SASL",
    write: (out) => out.bytes(token),
    read: (answer) => answer.bytes(),
  };
}

function pathAndWatch(path: string, watch: boolean): (out: JuteWriter) => void {
  return (out) => out.text(path).bool(watch);
}

function createType({ mode }: NewZnode): number {
  return mode === "container" ? op.createContainer : op.create;
}

function writeCreate(out: JuteWriter, { path, data, acl, mode }: NewZnode): void {
  out.text(path).bytes(data).int(acl.length);
  for (const { permissions, scheme, id } of acl) out.int(permissions).text(scheme).text(id);
  out.int(createFlags[mode]);
}

/** Parts follow each other until one that says that it is the end. A failed part is of the type of errors, −1. */
function failedPart(answer: JuteReader): number {
  for (;;) {
    const type = answer.int();
    const isEnd = answer.bool();
    answer.skip(4);
    if (isEnd) return 0;
    if (type === -1) {
      const code = answer.int();
      if (code !== 0) return code;
    } else if (type === op.create) answer.text();
  }
}

function readStat(answer: JuteReader): Stat {
  answer.skip(8 + 8 + 8 + 8); // czxid, mzxid, ctime, mtime
  const version = answer.int();
  answer.skip(4 + 4); // cversion, aversion
  const ephemeralOwner = answer.long();
  answer.skip(4); // length of the data
  const numChildren = answer.int();
  answer.skip(8); // pzxid
  return { version, ephemeralOwner, numChildren };
}

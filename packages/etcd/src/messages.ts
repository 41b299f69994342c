import { bytesField, FieldReader, message, messageField, varintField } from "./protobuf.ts";

// Of etcd's published API (etcdserverpb/rpc.proto, mvccpb/kv.proto, v3.4 to v3.6) what this package uses; the numbers
// are those of the fields there.

/** What every answer begins with. */
export interface Header {
  readonly clusterId: bigint;
  /** Of the store when the answer was made; at least 1. */
  readonly revision: number;
}

/** One stored record. */
export interface KeyValue {
  readonly key: Buffer;
  readonly value: Buffer;
  readonly modRevision: number;
  /** 0 when it has none. */
  readonly lease: bigint;
}

/** Keys from `key` on, up to but without `end`. */
export interface KeyRange {
  readonly key: Buffer;
  readonly end: Buffer;
}

/** One page of a range. */
export interface RangePage {
  readonly header: Header;
  readonly kvs: readonly KeyValue[];
  readonly more: boolean;
}

/** Of a transaction whose success writes and whose failure reads one key. */
export interface TxnAnswer {
  readonly header: Header;
  readonly succeeded: boolean;
  /** What the key holds, after a failure. */
  readonly found: KeyValue | undefined;
}

/** Something that happened to a key. */
export interface WatchEvent {
  readonly deleted: boolean;
  readonly kv: KeyValue;
}

/** One answer on a stream of watches. */
export interface WatchAnswer {
  readonly header: Header;
  readonly watchId: number;
  readonly created: boolean;
  readonly canceled: boolean;
  /** Above 0: the revision asked for is gone, this is the first that is left. */
  readonly compactRevision: number;
  readonly cancelReason: string;
  /** More of the same revision follows. */
  readonly fragment: boolean;
  readonly events: readonly WatchEvent[];
}

/** The keys that begin with `prefix`; all keys when it is empty. */
export function prefixRange(prefix: string | Buffer): KeyRange {
  const key = Buffer.from(prefix);
  if (key.length === 0) return { key: Buffer.from([0]), end: Buffer.from([0]) };
  const end = Buffer.from(key);
  for (let at = end.length - 1; at >= 0; at -= 1) {
    const byte = end[at] ?? 0;
    if (byte < 0xff) {
      end[at] = byte + 1;
      return { key, end: end.subarray(0, at + 1) };
    }
  }
  return { key, end: Buffer.from([0]) };
}

/** `revision` 0: the newest; `limit` 0: none. Without an `end` it asks for one key. */
export function rangeRequest(request: {
  readonly key: Buffer;
  readonly end?: Buffer | undefined;
  readonly limit?: number | undefined;
  readonly revision?: number | undefined;
  /** What the member itself has, without asking the others. */
  readonly serializable?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
}): Buffer {
  return message(
    bytesField(1, request.key),
    bytesField(2, request.end ?? ""),
    varintField(3, request.limit ?? 0),
    varintField(4, request.revision ?? 0),
    varintField(7, request.serializable ?? false),
    varintField(8, request.keysOnly ?? false),
  );
}

/** What a transaction on one key shall do when the key is as expected. */
export type Write =
  | { readonly put: { readonly value: Uint8Array; readonly lease: bigint } }
  | { readonly delete: true };

/** Writes when the key's newest revision is `modRevision` (0: when there is no such key), else reads the key. */
export function txnRequest(key: Buffer, modRevision: number, write: Write): Buffer {
  const mod = 2;
  const compare = message(
    varintField(2, mod),
    bytesField(3, key),
    // Part of a oneof: it must be there, also when it is 0.
    modRevision === 0 ? Buffer.from([6 * 8, 0]) : varintField(6, modRevision),
  );
  const success =
    "put" in write
      ? messageField(
          2,
          message(
            bytesField(1, key),
            bytesField(2, write.put.value),
            varintField(3, write.put.lease),
          ),
        )
      : messageField(3, bytesField(1, key));
  const failure = messageField(1, rangeRequest({ key }));
  return message(messageField(1, compare), messageField(2, success), messageField(3, failure));
}

export function leaseGrantRequest(ttlSeconds: number): Buffer {
  return varintField(1, ttlSeconds);
}

/** Of a revocation and of a keep-alive. */
export function leaseIdRequest(id: bigint): Buffer {
  return varintField(1, id);
}

export function authenticateRequest(name: string, password: string): Buffer {
  return message(bytesField(1, name), bytesField(2, password));
}

export function watchCreateRequest(
  range: KeyRange,
  startRevision: number,
  watchId: number,
): Buffer {
  const [progressNotify, fragment] = [true, true];
  return messageField(
    1,
    message(
      bytesField(1, range.key),
      bytesField(2, range.end),
      varintField(3, startRevision),
      varintField(4, progressNotify),
      varintField(7, watchId),
      varintField(8, fragment),
    ),
  );
}

export function watchCancelRequest(watchId: number): Buffer {
  return messageField(2, varintField(1, watchId));
}

export function readRange(bytes: Buffer): RangePage {
  const reader = new FieldReader(bytes);
  let header = noHeader;
  let more = false;
  const kvs: KeyValue[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) header = readHeader(reader.bytes());
    else if (field === 2) kvs.push(readKeyValue(reader.bytes()));
    else if (field === 3) more = reader.bool();
  }
  return { header, kvs, more };
}

export function readTxn(bytes: Buffer): TxnAnswer {
  const reader = new FieldReader(bytes);
  let header = noHeader;
  let succeeded = false;
  let found: KeyValue | undefined;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) header = readHeader(reader.bytes());
    else if (field === 2) succeeded = reader.bool();
    else if (field === 3) {
      const response = new FieldReader(reader.bytes());
      if (response.next() === 1) [found] = readRange(response.bytes()).kvs;
    }
  }
  return { header, succeeded, found };
}

/** The lease's id and TTL in seconds, of a grant and of a keep-alive; a TTL of 0 or less: there is no such lease. */
export function readLease(bytes: Buffer): { readonly id: bigint; readonly ttlSeconds: number } {
  const reader = new FieldReader(bytes);
  let id = 0n;
  let ttlSeconds = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) id = reader.int64();
    else if (field === 3) ttlSeconds = Number(reader.int64());
  }
  return { id, ttlSeconds };
}

export function readToken(bytes: Buffer): string {
  const reader = new FieldReader(bytes);
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 2) return reader.string();
  }
  return "";
}

export function readWatch(bytes: Buffer): WatchAnswer {
  const reader = new FieldReader(bytes);
  let header = noHeader;
  let [watchId, compactRevision] = [0, 0];
  let [created, canceled, fragment] = [false, false, false];
  let cancelReason = "";
  const events: WatchEvent[] = [];
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) header = readHeader(reader.bytes());
    else if (field === 2) watchId = Number(reader.int64());
    else if (field === 3) created = reader.bool();
    else if (field === 4) canceled = reader.bool();
    else if (field === 5) compactRevision = reader.number();
    else if (field === 6) cancelReason = reader.string();
    else if (field === 7) fragment = reader.bool();
    else if (field === 11) events.push(readEvent(reader.bytes()));
  }
  return {
    header,
    watchId,
    created,
    canceled,
    compactRevision,
    cancelReason,
    fragment,
    events,
  };
}

const noHeader: Header = { clusterId: 0n, revision: 0 };

function readHeader(bytes: Buffer): Header {
  const reader = new FieldReader(bytes);
  let clusterId = 0n;
  let revision = 0;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) clusterId = reader.uint64();
    else if (field === 3) revision = reader.number();
  }
  return { clusterId, revision };
}

function readKeyValue(bytes: Buffer): KeyValue {
  const reader = new FieldReader(bytes);
  let [key, value]: [Buffer, Buffer] = [empty, empty];
  let modRevision = 0;
  let lease = 0n;
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) key = reader.bytes();
    else if (field === 3) modRevision = reader.number();
    else if (field === 5) value = reader.bytes();
    else if (field === 6) lease = reader.int64();
  }
  return { key, value, modRevision, lease };
}

function readEvent(bytes: Buffer): WatchEvent {
  const reader = new FieldReader(bytes);
  let deleted = false;
  let kv: KeyValue = { key: empty, value: empty, modRevision: 0, lease: 0n };
  for (let field = reader.next(); field !== 0; field = reader.next()) {
    if (field === 1) deleted = reader.number() === 1;
    else if (field === 2) kv = readKeyValue(reader.bytes());
  }
  return { deleted, kv };
}

const empty = Buffer.alloc(0);

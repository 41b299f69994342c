import type { NodeInput, ServiceNode } from "@rollcall/core";

/** Where a record stands among those of a prefix. */
export interface RecordPlace {
  readonly service: string;
  /** What the key says of the id; never empty. */
  readonly id: string;
}

/** What a value says of a node; what is undefined gets the default of the field. */
export type DecodedNode = { readonly [K in keyof NodeInput]: NodeInput[K] | undefined };

/** A record to be stored. */
export interface EncodedRecord {
  /** Without the registry's prefix. */
  readonly key: string;
  /**
   * Undefined when the node must not be listed now: a form that has no word for "draining" or for "no new
   * traffic" says it by leaving the record out.
   */
  readonly value: string | undefined;
}

/**
 * The mapping between stored records and nodes: how one ecosystem registers its services. Pure: the same
 * input gives the same output, and nothing else happens.
 */
export interface Codec {
  /** `rollcall`, `grpc`, … */
  readonly name: string;
  /** Where the ecosystem keeps its records by default; ends with a slash, or is empty. */
  readonly prefix: string;
  /** Node fields that survive {@link encode} and {@link decode}. */
  readonly keeps: readonly (keyof ServiceNode)[];
  /**
   * What the keys of a service begin with, after the registry's prefix. Ends with a separator, so that no
   * other service's keys begin with it unless {@link locate} tells them apart.
   */
  readonly servicePrefix: (service: string) => string;
  /** Reads a key, without the registry's prefix; undefined when it is none of a node. */
  readonly locate: (key: string) => RecordPlace | undefined;
  /**
   * Reads a value. Bounds are checked, and defaults filled in, by whoever calls.
   *
   * @throws {@link RecordError} saying what is wrong, without the value itself.
   */
  readonly decode: (value: string, place: RecordPlace) => DecodedNode;
  readonly encode: (node: ServiceNode) => EncodedRecord;
}

/** Why a stored value is no node. Its message is shown to people: no secrets, no payloads. */
export class RecordError extends Error {
  override readonly name = "RecordError";
}

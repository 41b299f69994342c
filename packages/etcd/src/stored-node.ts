import { isUtf8 } from "node:buffer";

import { defineNode, DiscoveryError, type NodeInput, type ServiceNode } from "@rollcall/core";

import { type Codec, RecordError, type RecordPlace } from "./codec.ts";

/** Longest value that is looked at, in bytes: metadata of 64 KiB with every character escaped, and room. */
const maxValueBytes = 1_048_576;

/** What a record does not say itself. */
export interface DecodeContext {
  readonly codec: Codec;
  /** Registry name, for errors. */
  readonly registry: string;
  /** Weight of a node without one. */
  readonly weight: number;
}

/**
 * Reads one stored value.
 *
 * @throws {@link DiscoveryError} `RECORD`, whatever the codec throws.
 */
export function decodeStored(
  value: Buffer,
  place: RecordPlace,
  { codec, registry, weight }: DecodeContext,
): ServiceNode {
  try {
    if (value.length > maxValueBytes) throw new RecordError("the value is too large");
    if (!isUtf8(value)) throw new RecordError("the value is not UTF-8");
    const input = codec.decode(value.toString("utf8"), place);
    return defineNode({ ...input, weight: input.weight ?? weight } as NodeInput);
  } catch (cause) {
    const operation = `decode ${place.id.slice(0, 200)} of ${place.service.slice(0, 255)}`;
    throw new DiscoveryError({
      code: "RECORD",
      registry,
      operation,
      reason: reasonOf(cause),
      cause,
    });
  }
}

function reasonOf(cause: unknown): string {
  if (cause instanceof RecordError) return cause.message;
  return cause instanceof DiscoveryError ? cause.reason : "the codec cannot read it";
}

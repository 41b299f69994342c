import type { Codec } from "../codec.ts";
import { goZeroCodec } from "./go-zero.ts";
import { grpcCodec } from "./grpc.ts";
import { kitexCodec } from "./kitex.ts";
import { kratosCodec } from "./kratos.ts";
import { rollcallCodec } from "./rollcall.ts";

/** Codecs that come with the package. */
export type CodecName = "rollcall" | "grpc" | "kratos" | "go-zero" | "kitex";

const codecs: Readonly<Record<CodecName, Codec>> = {
  rollcall: rollcallCodec,
  grpc: grpcCodec,
  kratos: kratosCodec,
  "go-zero": goZeroCodec,
  kitex: kitexCodec,
};

/** Every {@link CodecName}. */
export const codecNames: readonly CodecName[] = Object.freeze(
  Object.keys(codecs),
) as readonly CodecName[];

/** The codec of a name; undefined when there is none. */
export function codecOf(name: string): Codec | undefined {
  return Object.hasOwn(codecs, name) ? codecs[name as CodecName] : undefined;
}

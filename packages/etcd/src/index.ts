export {
  type Codec,
  type DecodedNode,
  type EncodedRecord,
  RecordError,
  type RecordPlace,
} from "./codec.ts";
export type { CodecName } from "./codecs/codec-names.ts";
export { goZeroCodec } from "./codecs/go-zero.ts";
export { grpcCodec } from "./codecs/grpc.ts";
export { kitexCodec } from "./codecs/kitex.ts";
export { kratosCodec } from "./codecs/kratos.ts";
export { rollcallCodec } from "./codecs/rollcall.ts";
export type { EtcdConnectionOptions, EtcdOptions, EtcdTimeouts, EtcdTls } from "./options.ts";
export { etcdRegistry } from "./registry.ts";

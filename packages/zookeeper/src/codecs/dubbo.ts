import type { Codec } from "./codec.ts";
import { curatorJsonCodec } from "./curator-json.ts";

/** Curator's JSON as Dubbo 3 writes and reads it for whole applications. */
export const dubboCodec: Codec = curatorJsonCodec({
  name: "dubbo",
  payloadClass: "org.apache.dubbo.registry.zookeeper.ZookeeperInstance",
  statusName: undefined,
  expected: ({ port, metadata }) => ({
    "dubbo.endpoints": JSON.stringify([{ port, protocol: metadata["protocol"] ?? "dubbo" }]),
    "dubbo.metadata.storage-type": "local",
  }),
});

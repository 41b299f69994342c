import type { Codec } from "./codec.ts";
import { curatorJsonCodec } from "./curator-json.ts";

/** Curator's JSON as Spring Cloud Zookeeper writes and reads it. */
export const curatorCodec: Codec = curatorJsonCodec({
  name: "curator",
  payloadClass: "org.springframework.cloud.zookeeper.discovery.ZookeeperInstance",
  statusName: "instance_status",
  expected: () => ({}),
});

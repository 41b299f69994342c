import { consulRegistry } from "@rollcall/consul";
import { etcdRegistry } from "@rollcall/etcd";
import { eurekaRegistry } from "@rollcall/eureka";
import { nacosRegistry } from "@rollcall/nacos";
import { zookeeperRegistry } from "@rollcall/zookeeper";

import type { RegistryFactories } from "./registry-factory.ts";

/** The registries this version knows. */
export const registryFactories: RegistryFactories = {
  eureka: eurekaRegistry,
  etcd: etcdRegistry,
  consul: consulRegistry,
  zookeeper: zookeeperRegistry,
  nacos: nacosRegistry,
};

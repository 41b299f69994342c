import { consul } from "./consul.ts";
import { etcd } from "./etcd.ts";
import { eureka } from "./eureka.ts";
import { nacos } from "./nacos.ts";
import type { Backend } from "./side.ts";
import { zookeeper } from "./zookeeper.ts";

/** Every registry that is measured. */
export const backends: readonly Backend[] = [etcd, consul, zookeeper, nacos, eureka];

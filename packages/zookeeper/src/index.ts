export { zookeeperRegistry } from "./registry.ts";
export type {
  ZookeeperAcl,
  ZookeeperAuth,
  ZookeeperOptions,
  ZookeeperTimeouts,
  ZookeeperTls,
} from "./options.ts";

export { createAuthority } from "./certificates.ts";
export type { CertificateAuthority, IssuedCertificate } from "./certificates.ts";
export { startEureka } from "./eureka.ts";
export type { EurekaOptions, EurekaProcess, EurekaTls } from "./eureka.ts";
export { freePort, isFree } from "./free-port.ts";
export { describeEureka, describeOwnEureka, namespace, sharedEureka } from "./shared-servers.ts";
export type { SharedEureka } from "./shared-servers.ts";
export { startSpringProvider } from "./spring-provider.ts";
export type { SpringProvider, SpringProviderOptions } from "./spring-provider.ts";
export { until } from "./until.ts";
export type { UntilOptions } from "./until.ts";
export { startCuratorProvider } from "./curator-provider.ts";
export type { CuratorProvider, CuratorProviderOptions } from "./curator-provider.ts";
export { describeOwnZookeeper, describeZookeeper, sharedZookeeper } from "./shared-servers.ts";
export type { SharedZookeeper } from "./shared-servers.ts";
export { startZookeeper } from "./zookeeper.ts";
export type { ZookeeperOptions, ZookeeperProcess } from "./zookeeper.ts";
export type { ZookeeperTls } from "./zookeeper-config.ts";
export { startZookeeperEnsemble } from "./zookeeper-ensemble.ts";
export type { ZookeeperEnsemble } from "./zookeeper-ensemble.ts";
export { startSpringZookeeperProvider } from "./spring-zookeeper-provider.ts";
export type {
  SpringZookeeperProvider,
  SpringZookeeperProviderOptions,
} from "./spring-zookeeper-provider.ts";

export { createAuthority } from "./certificates.ts";
export type { CertificateAuthority, IssuedCertificate } from "./certificates.ts";
export { startConsul } from "./consul.ts";
export type { ConsulProcess } from "./consul.ts";
export type { ConsulOptions, ConsulTls } from "./consul-options.ts";
export { consulApi } from "./consul-api.ts";
export type { ConsulAccess, ConsulAnswer } from "./consul-api.ts";
export { startConsulCluster } from "./consul-cluster.ts";
export type { ConsulCluster } from "./consul-cluster.ts";
export { debianProgram } from "./debian-package.ts";
export type { DebianProgram } from "./debian-package.ts";
export { etcdctlAt, startEtcd } from "./etcd.ts";
export type { EtcdOptions, EtcdProcess, EtcdTls } from "./etcd.ts";
export { startEtcdCluster } from "./etcd-cluster.ts";
export type { EtcdCluster } from "./etcd-cluster.ts";
export { startEureka } from "./eureka.ts";
export type { EurekaOptions, EurekaProcess, EurekaTls } from "./eureka.ts";
export { freePort, isFree } from "./free-port.ts";
export { javaProgram } from "./java.ts";
export type { JavaProgram } from "./java.ts";
export { startNacos } from "./nacos.ts";
export type { NacosAuth, NacosOptions, NacosProcess } from "./nacos.ts";
export { nacosClientVersion, startNacosClient } from "./nacos-client.ts";
export type { NacosClient } from "./nacos-client.ts";
export type { NacosVersion } from "./nacos-version.ts";
export { startSpringProvider } from "./spring-provider.ts";
export type { SpringProvider, SpringProviderOptions } from "./spring-provider.ts";
export { until } from "./until.ts";
export type { UntilOptions } from "./until.ts";
export { startCuratorProvider } from "./curator-provider.ts";
export type { CuratorProvider, CuratorProviderOptions } from "./curator-provider.ts";
export { startZookeeper } from "./zookeeper.ts";
export type { ZookeeperOptions, ZookeeperProcess } from "./zookeeper.ts";
export type { ZookeeperTls } from "./zookeeper-config.ts";
export { startZookeeperEnsemble } from "./zookeeper-ensemble.ts";
export type { ZookeeperEnsemble } from "./zookeeper-ensemble.ts";
export {
  describeConsul,
  describeEtcd,
  describeEureka,
  describeNacos,
  describeOwnConsul,
  describeOwnEtcd,
  describeOwnEureka,
  describeOwnNacos,
  describeOwnZookeeper,
  describeZookeeper,
  namespace,
  sharedConsul,
  sharedEtcd,
  sharedEureka,
  sharedNacos,
  sharedZookeeper,
} from "./shared-servers.ts";
export type { DescribeOwn, DescribeShared, Shared, SharedServerOf } from "./shared-servers.ts";
export { startSpringZookeeperProvider } from "./spring-zookeeper-provider.ts";
export type {
  SpringZookeeperProvider,
  SpringZookeeperProviderOptions,
} from "./spring-zookeeper-provider.ts";

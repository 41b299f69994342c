import type { Load } from "./load.ts";
import { idle } from "./loads/idle.ts";
import { latency } from "./loads/latency.ts";
import { churn, large, post, small, tls, tlsLarge } from "./loads/throughput.ts";
import { websocket } from "./loads/websocket.ts";
import type { Target } from "./target.ts";
import { engine, enginePublic } from "./targets/engine.ts";
import { gatewayEureka } from "./targets/gateway-eureka.ts";
import { gateway, gatewayLog, gatewayWorkers } from "./targets/gateway.ts";
import { haproxy } from "./targets/haproxy.ts";
import { nginx, nginx64k, nginxLog } from "./targets/nginx.ts";
import { peers } from "./targets/peers.ts";
import { spring } from "./targets/spring.ts";

/** All loads, in the order they are run. */
export const allLoads: readonly Load[] = [
  small,
  large,
  post,
  churn,
  latency,
  idle,
  websocket,
  tls,
  tlsLarge,
];

/** All proxies, in the order of the tables. */
export const allTargets: readonly Target[] = [
  nginx,
  nginxLog,
  nginx64k,
  haproxy,
  gateway,
  gatewayLog,
  gatewayWorkers,
  gatewayEureka,
  engine,
  enginePublic,
  ...peers,
  spring,
];

/** The proxies that a load is run on: those asked for, else those that are there for it. */
export function targetsOf(load: Load, asked: readonly string[] | undefined): readonly Target[] {
  return allTargets.filter(({ name, loads }) =>
    asked === undefined ? (loads?.includes(load.name) ?? true) : asked.includes(name),
  );
}

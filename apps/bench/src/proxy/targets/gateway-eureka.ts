import { eurekaRegistry } from "@rollcall/eureka";
import { startEurekaServer } from "@rollcall/eureka-server";

import type { Target } from "../target.ts";

import { startGateway } from "./gateway.ts";

const service = "BENCH-SERVICE";

/** Our gateway as it is meant to be used: the node is registered, and found in a registry. */
export const gatewayEureka: Target = {
  name: "gateway-eureka",
  loads: ["small"],
  start: async (place) => {
    await using stack = new AsyncDisposableStack();
    const server = stack.use(await startEurekaServer());
    const registry = stack.use(eurekaRegistry({ servers: [server.url] }));
    await registry.register({ service, host: "127.0.0.1", port: place.nodePort });
    const { hostname, port } = new URL(server.url);
    const running = await startGateway(
      "gateway-eureka",
      place,
      { discovery: { eureka: { host: [`http://${hostname}:${port}`] } } },
      { service_name: service, discovery_type: "eureka" },
    );
    const registered = stack.move();
    return {
      pid: running.pid,
      async [Symbol.asyncDispose]() {
        await running[Symbol.asyncDispose]();
        await registered.disposeAsync();
      },
    };
  },
};

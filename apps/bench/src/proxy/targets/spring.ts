import { fileURLToPath } from "node:url";

import { javaProgram } from "@rollcall/testbed";

import { answers } from "../http-probe.ts";
import { startPinned } from "../pinned-process.ts";
import type { Place } from "../place.ts";
import type { Target } from "../target.ts";

const sources = fileURLToPath(new URL("../../../java/spring-gateway", import.meta.url));

/** Spring Cloud Gateway, as a Spring application has it, with one fixed route. */
export const spring: Target = {
  name: "spring",
  warmUpSeconds: 15,
  start: async (place) => {
    const { directory, cores, listenPort, tls } = place;
    const program = await javaProgram("spring-gateway", sources);
    const classPath = program.classPath((jar) => !jar.startsWith("ecj-"));
    return startPinned({
      what: "spring",
      command: program.java,
      args: ["-Xmx512m", "-cp", classPath, "org.rollcall.bench.Gateway"],
      cores: cores.proxy,
      logFile: `${directory}/spring.log`,
      env: { SPRING_APPLICATION_JSON: JSON.stringify(settings(place)) },
      isReady: () => answers(`${tls === undefined ? "http" : "https"}://127.0.0.1:${listenPort}/`),
    });
  },
};

function settings({ listenPort, nodePort, tls }: Place): object {
  const webflux = {
    routes: [
      {
        id: "all",
        uri: tls === undefined ? `http://127.0.0.1:${nodePort}` : `https://localhost:${nodePort}`,
        predicates: ["Path=/**"],
      },
    ],
    ...(tls !== undefined && {
      httpclient: { ssl: { "trusted-x509-certificates": [`file:${tls.ca}`] } },
    }),
  };
  return {
    "server.address": "127.0.0.1",
    "server.port": listenPort,
    ...(tls !== undefined && {
      "server.ssl.certificate": `file:${tls.cert}`,
      "server.ssl.certificate-private-key": `file:${tls.key}`,
    }),
    "spring.main.banner-mode": "off",
    "logging.level.root": "warn",
    spring: { cloud: { gateway: { server: { webflux } } } },
  };
}

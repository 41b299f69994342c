import { nacosRegistry } from "@rollcall/nacos";
import { startNacos } from "@rollcall/testbed";

import { javaNacos, javaVersion } from "./nacos-java.ts";
import { plainNacos } from "./nacos-plain.ts";
import { ourSide, ourVersion, versionOfPackage } from "./our-side.ts";
import { type Backend, hostOf } from "./side.ts";

const hourMs = 3_600_000;
const atOnce = 20;

/** Nacos; its npm client `nacos`, which speaks HTTP and UDP; and its official Java client, which speaks gRPC. */
export const nacos: Backend = {
  name: "Nacos",
  changes: 500,
  sides: {
    rollcall: {
      version: () => ourVersion,
      make: (url) => ourSide(nacosRegistry({ servers: url })),
      notes: {
        gone: "its registration lives as long as its connection: there is no shorter lease",
      },
    },
    nacos: {
      version: () => versionOfPackage("nacos"),
      make: (url, { lease }) => plainNacos(url, lease),
      // Its beats follow each other by the default of 10 s until the first answer says otherwise.
      steadyMs: 12_000,
      notes: {
        visible: "changes reach it over UDP, which the server sends it",
        gone: "shortest: time-outs of 3 s in the record's metadata, the server looks every 5 s; it never sees the last node leave, so another one stays",
        idle: "what the server sends it over UDP, and its acknowledgements, are not counted",
      },
    },
    "nacos-client": {
      version: javaVersion,
      make: (url) => javaNacos(url),
      notes: {
        visible: "in a Java process, told and heard through pipes; they add some 0.1 ms",
        large: "CPU of its Java process; what its heap holds is not measured",
      },
      cannot: {
        consumers: "each would be a Java virtual machine",
        providers: "each would be a Java virtual machine",
      },
    },
  },
  async start(kind) {
    const server = await startNacos(
      kind === "default" ? { properties: { "nacos.naming.push.pushTaskDelay": "500" } } : {},
    );
    const write = async (service: string, index: number, version: string): Promise<void> => {
      const answer = await fetch(`${server.url}/nacos/v3/client/ns/instance`, {
        method: "POST",
        body: new URLSearchParams({
          namespaceId: "public",
          groupName: "DEFAULT_GROUP",
          serviceName: service,
          ip: hostOf(index),
          port: "8080",
          weight: "1",
          metadata: JSON.stringify({
            version,
            "rollcall.id": `n${index}`,
            "preserved.heart.beat.timeout": String(hourMs),
            "preserved.ip.delete.timeout": String(hourMs),
          }),
        }),
        signal: AbortSignal.timeout(30_000),
      });
      const text = await answer.text();
      if (!answer.ok) throw new Error(`POST instance answers ${answer.status} ${text}`);
    };
    return {
      url: server.url,
      version: server.version,
      ports: [
        { offset: 0, wire: "http1" },
        { offset: 1_000, wire: "http2" },
      ],
      async fill(service, from, count) {
        for (let at = from; at < from + count; at += atOnce) {
          const length = Math.min(atOnce, from + count - at);
          await Promise.all(Array.from({ length }, (_, step) => write(service, at + step, "0")));
        }
      },
      change: write,
      [Symbol.asyncDispose]: () => server.stop(),
    };
  },
};

import { connect, type Socket } from "node:net";

import { expectBody } from "../http-probe.ts";
import type { Load, Subject } from "../load.ts";
import { smallBytes, startStaticNode } from "../nodes/static-node.ts";

import { requestFields } from "./request-fields.ts";

/** These bring the proxy to size: code, pools, heap. They are not counted. */
const firstConnections = 1_000;
const connections = 4_000;
const atOnce = 64;
const answerMs = 20_000;
const settleMs = 500;
const settleTurns = 20;

/** What a proxy keeps for a client that has had its answer and stays. */
export const idle: Load = {
  name: "idle",
  title: `${connections} connections that have had one answer and stay`,
  compared: "connectionBytes",
  fresh: true,
  startNode: startStaticNode,
  probe: ({ origin }) => expectBody(`${origin}/`, smallBytes),
  run: async ({ meter, port }) => {
    const sockets: Socket[] = [];
    try {
      await open(sockets, firstConnections, port);
      const before = await settled(meter);
      await open(sockets, connections, port);
      const after = await settled(meter);
      return {
        connectionBytes: (after - before) / connections,
        residentBytes: after,
        errors: sockets.filter(({ destroyed, readyState }) => destroyed || readyState !== "open")
          .length,
        foreignShare: 0,
      };
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
};

/** Memory once it has stopped moving, or when it will not. */
async function settled(meter: Subject["meter"]): Promise<number> {
  let last = meter.residentBytes();
  for (let turn = 0; turn < settleTurns; turn += 1) {
    await new Promise((resolve) => setTimeout(resolve, settleMs));
    const now = meter.residentBytes();
    if (now === last) break;
    last = now;
  }
  return last;
}

async function open(sockets: Socket[], count: number, port: number): Promise<void> {
  for (let opened = 0; opened < count; opened += atOnce) {
    const more = Math.min(atOnce, count - opened);
    sockets.push(...(await Promise.all(Array.from({ length: more }, () => client(port)))));
  }
}

/** A connection that has had one answer. */
function client(port: number): Promise<Socket> {
  const fields = Object.entries(requestFields).map(([name, value]) => `${name}: ${value}\r\n`);
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(`GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\n${fields.join("")}\r\n`),
    );
    let received = "";
    const late = setTimeout(() => socket.destroy(new Error("no answer in time")), answerMs);
    socket.setEncoding("latin1").on("data", (text: string) => {
      received += text;
      // The body is `x` alone, so its end is known without reading the head.
      if (!received.endsWith("x".repeat(smallBytes))) return;
      clearTimeout(late);
      socket.removeAllListeners("data").pause();
      resolve(socket);
    });
    socket.once("error", reject);
    socket.once("close", () => reject(new Error("closed the connection after its answer")));
    // A proxy that closes an idle connection is counted at the end, not here.
    socket.on("error", () => undefined);
  });
}

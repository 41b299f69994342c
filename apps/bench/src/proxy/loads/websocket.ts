import { randomBytes } from "node:crypto";
import { connect, type Socket } from "node:net";

import type { Load } from "../load.ts";
import { type Counts, metered } from "../metered.ts";
import { startEchoNode } from "../nodes/echo-node.ts";
import { clientFrame, messageBytes, whole } from "../nodes/websocket-frame.ts";
import { percentile } from "../statistics.ts";

const connections = 64;
const warmUpSeconds = 1;
const handshakeMs = 5_000;

/** What a proxy costs once it only carries messages both ways; a request is one message and its echo. */
export const websocket: Load = {
  name: "websocket",
  title: `WebSocket, ${messageBytes} bytes and their echo, ${connections} connections`,
  compared: "cpuUs",
  needs: "websocket",
  startNode: startEchoNode,
  probe: async ({ port }) => {
    const socket = await upgraded(port);
    socket.destroy();
  },
  run: async (subject, seconds) => {
    const sockets = await Promise.all(
      Array.from({ length: connections }, () => upgraded(subject.port)),
    );
    try {
      await echo(sockets, warmUpSeconds);
      return await metered(subject, () => echo(sockets, seconds));
    } finally {
      for (const socket of sockets) socket.destroy();
    }
  },
};

/** A connection whose handshake is done (RFC 6455 §4). */
function upgraded(port: number): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(port, "127.0.0.1", () =>
      socket.write(
        `GET / HTTP/1.1\r\nHost: 127.0.0.1:${port}\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n` +
          `Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: ${randomBytes(16).toString("base64")}\r\n\r\n`,
      ),
    );
    const late = setTimeout(() => socket.destroy(new Error("no handshake in time")), handshakeMs);
    let head = "";
    socket.setNoDelay(true);
    socket.on("error", reject);
    socket.once("close", () => reject(new Error("closed instead of a handshake")));
    socket.on("data", (bytes: Buffer) => {
      head += bytes.toString("latin1");
      if (!head.includes("\r\n\r\n")) return;
      clearTimeout(late);
      socket.removeAllListeners("data");
      const status = head.slice(9, 12);
      if (status === "101") resolve(socket);
      else socket.destroy(new Error(`answered ${status} to Upgrade`));
    });
  });
}

/** Each connection sends its next message when the last one is back, until the time is up. */
async function echo(sockets: readonly Socket[], seconds: number): Promise<Counts> {
  const startedAtMs = performance.now();
  const endsAtMs = startedAtMs + seconds * 1_000;
  const times: number[] = [];
  const errors = await Promise.all(sockets.map((socket) => converse(socket, endsAtMs, times)));
  const elapsedMs = performance.now() - startedAtMs;
  times.sort((a, b) => a - b);
  return {
    requests: times.length,
    errors: errors.filter(Boolean).length,
    seconds: elapsedMs / 1_000,
    p50Us: percentile(times, 0.5),
    p99Us: percentile(times, 0.99),
  };
}

/** Resolves with whether the connection was lost. */
function converse(socket: Socket, endsAtMs: number, times: number[]): Promise<boolean> {
  const frame = clientFrame();
  const frames = whole(messageBytes + 2);
  let sentAtMs = performance.now();
  return new Promise((resolve) => {
    const lost = (): void => resolve(true);
    socket.once("close", lost);
    const onData = (bytes: Buffer): void => {
      if (frames(bytes).length === 0) return;
      const now = performance.now();
      times.push((now - sentAtMs) * 1_000);
      sentAtMs = now;
      if (now < endsAtMs) {
        socket.write(frame);
        return;
      }
      socket.off("data", onData).off("close", lost);
      resolve(false);
    };
    socket.on("data", onData);
    socket.write(frame);
  });
}

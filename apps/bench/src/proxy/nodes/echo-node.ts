import { createHash } from "node:crypto";
import { createServer } from "node:http";
import type { Duplex } from "node:stream";

import type { Place } from "../place.ts";

import { messageBytes, unmasked, whole } from "./websocket-frame.ts";
import { smallBytes } from "./static-node.ts";

/** Appended to the key, by RFC 6455 §1.3. */
const handshakeGuid = "258EAFA5-E914-47DA-95CA-C5AB0DC85B11";

/** A node in this process that sends each WebSocket message back, and answers GETs as the others do. */
export async function startEchoNode({
  nodePort,
}: Omit<Place, "listenPort">): Promise<AsyncDisposable> {
  const sockets = new Set<Duplex>();
  const server = createServer((_request, response) => response.end("x".repeat(smallBytes)));
  server.keepAliveTimeout = 600_000;
  server.on("upgrade", (request, socket) => {
    sockets.add(socket);
    const key = request.headers["sec-websocket-key"] ?? "";
    const accept = createHash("sha1").update(`${key}${handshakeGuid}`).digest("base64");
    socket.write(
      "HTTP/1.1 101 Switching Protocols\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n" +
        `Sec-WebSocket-Accept: ${accept}\r\n\r\n`,
    );
    const frames = whole(messageBytes + 6);
    socket.on("data", (bytes: Buffer) => {
      for (const frame of frames(bytes)) socket.write(unmasked(frame));
    });
    socket.on("error", () => undefined);
    socket.once("close", () => sockets.delete(socket));
  });
  await new Promise<void>((resolve, reject) => {
    server.once("error", reject);
    server.listen(nodePort, "127.0.0.1", 4_096, resolve);
  });
  return {
    async [Symbol.asyncDispose]() {
      for (const socket of sockets) socket.destroy();
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}

import type { Writable } from "node:stream";

import { httpNode, until } from "./wire.ts";

/** More than the kernel holds on both sides of a proxy, and much less than is to be sent, in bytes. */
export const held = 40_000_000;

/** Waits until a number has stopped growing. */
export async function settled(current: () => number): Promise<number> {
  let last = -1;
  let calm = 0;
  await until(() => {
    calm = current() > 0 && current() === last ? calm + 1 : 0;
    last = current();
    return calm > 60;
  }, "the sender to be held back");
  return last;
}

/**
 * Sends a piece over and over, as fast as it is taken.
 *
 * @param most  When to stop, in bytes.
 * @returns how many bytes have left this process.
 */
export function push(sink: Writable, piece: Buffer, most: number): () => number {
  let sent = 0;
  const more = (): void => {
    while (sent < most) {
      sent += piece.length;
      if (!sink.write(piece)) return;
    }
  };
  sink.on("drain", more);
  more();
  return () => sent - sink.writableLength;
}

/** Of {@link pouringNode}. */
export interface PouringNode {
  readonly node: Awaited<ReturnType<typeof httpNode>>;
  readonly sent: () => number;
}

/** A node whose answers are this long, and how much of one it has sent. */
export async function pouringNode(bytes: number): Promise<PouringNode> {
  let sent = (): number => 0;
  const node = await httpNode((_request, response) => {
    response.writeHead(200, { "content-length": bytes });
    sent = push(response, Buffer.alloc(65_536), bytes);
  });
  return { node, sent: () => sent() };
}

import fc from "fast-check";
import { expect, it } from "vitest";

import { clientFrame, messageBytes, unmasked, whole } from "../src/proxy/nodes/websocket-frame.ts";

it("frames come out whole wherever reads end", () => {
  const frames = [clientFrame(), clientFrame(), clientFrame()];
  const stream = Buffer.concat(frames);
  fc.assert(
    fc.property(fc.array(fc.nat(stream.length)), (cuts) => {
      const cut = whole(messageBytes + 6);
      const ends = [...cuts, stream.length].toSorted((a, b) => a - b);
      let start = 0;
      const got = ends.flatMap((end) => {
        const part = stream.subarray(start, end);
        start = end;
        return cut(part);
      });
      expect(Buffer.concat(got).equals(stream)).toBe(true);
      expect(got).toHaveLength(frames.length);
    }),
  );
});

it("an echo has the message without its mask", () => {
  const frame = clientFrame();
  const answer = unmasked(frame);
  expect(answer.subarray(0, 2)).toEqual(Buffer.from([0x82, messageBytes]));
  for (let index = 0; index < messageBytes; index += 1) {
    expect(answer[index + 2]! ^ frame[2 + (index % 4)]!).toBe(frame[index + 6]);
  }
});

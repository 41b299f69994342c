import { expectBody } from "../http-probe.ts";
import type { Load } from "../load.ts";
import { metered } from "../metered.ts";
import { smallBytes, startStaticNode } from "../nodes/static-node.ts";
import { wrk } from "./wrk.ts";

const warmUpSeconds = 1;

/** What a proxy costs when there is little to carry. */
export const small: Load = {
  name: "small",
  title: "GET of 200 bytes, 64 connections kept",
  compared: "cpuUs",
  startNode: startStaticNode,
  probe: ({ origin }) => expectBody(`${origin}/`, smallBytes),
  run: async (subject, seconds) => {
    const url = `${subject.origin}/`;
    await wrk({ url, seconds: warmUpSeconds });
    return metered(subject, () => wrk({ url, seconds }));
  },
};

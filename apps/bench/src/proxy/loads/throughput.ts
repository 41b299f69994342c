import { expectBody } from "../http-probe.ts";
import type { Load } from "../load.ts";
import { metered } from "../metered.ts";
import { postedBytes, startReadingNode } from "../nodes/reading-node.ts";
import { largeBytes, smallBytes, startStaticNode } from "../nodes/static-node.ts";
import { wrk } from "./wrk.ts";

const warmUpSeconds = 1;

/** A load of as many requests as a proxy takes. */
interface Throughput extends Pick<Load, "name" | "title" | "needs" | "startNode"> {
  readonly path: string;
  /** Bytes of a right answer. */
  readonly answerBytes: number;
  /** Bytes of the request's body; 0: a GET. */
  readonly bodyBytes?: number | undefined;
  readonly close?: boolean | undefined;
}

/** What a proxy costs when there is little to carry. */
export const small: Load = throughput({
  name: "small",
  title: "GET of 200 bytes, 64 connections kept",
  startNode: startStaticNode,
  path: "/",
  answerBytes: smallBytes,
});

/** Answers that take more than one read. */
export const large: Load = throughput({
  name: "large",
  title: "GET of 100 KiB, 64 connections kept",
  startNode: startStaticNode,
  path: "/large",
  answerBytes: largeBytes,
});

/** Requests with a body. */
export const post: Load = throughput({
  name: "post",
  title: "POST of 16 KiB, 64 connections kept",
  startNode: startReadingNode,
  path: "/",
  answerBytes: smallBytes,
  bodyBytes: postedBytes,
});

/** Clients that come once. */
export const churn: Load = throughput({
  name: "churn",
  title: "GET of 200 bytes, a connection for each",
  startNode: startStaticNode,
  path: "/",
  answerBytes: smallBytes,
  close: true,
});

/** TLS on both sides, connections kept: what encryption adds. */
export const tls: Load = throughput({
  name: "tls",
  title: "GET of 200 bytes, TLS on both sides, 64 connections kept",
  needs: "tls",
  startNode: startStaticNode,
  path: "/",
  answerBytes: smallBytes,
});

/** TLS on both sides with answers that encryption makes expensive. */
export const tlsLarge: Load = throughput({
  name: "tls-large",
  title: "GET of 100 KiB, TLS on both sides, 64 connections kept",
  needs: "tls",
  startNode: startStaticNode,
  path: "/large",
  answerBytes: largeBytes,
});

function throughput(of: Throughput): Load {
  const { name, title, needs, startNode, path, answerBytes, bodyBytes = 0, close } = of;
  const method = bodyBytes > 0 ? "POST" : "GET";
  const body = bodyBytes > 0 ? "x".repeat(bodyBytes) : undefined;
  return {
    name,
    title,
    compared: "cpuUs",
    needs,
    startNode,
    probe: ({ origin }) => expectBody(`${origin}${path}`, answerBytes, { method, body }),
    run: async (subject, seconds) => {
      const options = { url: `${subject.origin}${path}`, method, bodyBytes, close };
      await wrk({ ...options, seconds: warmUpSeconds });
      return metered(subject, () => wrk({ ...options, seconds }));
    },
  };
}

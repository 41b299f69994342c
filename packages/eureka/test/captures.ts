import { readFileSync } from "node:fs";

import { parseDocument } from "../src/document.ts";

interface Captures {
  readonly answers: Readonly<
    Record<string, { readonly contentType: string; readonly body: string }>
  >;
}

const captures = JSON.parse(
  readFileSync(new URL("./fixtures/spring-cloud-eureka-2025.0.1.json", import.meta.url), "utf8"),
) as Captures;

/** The document of an answer a real server gave. */
export function captured(name: string): Record<string, unknown> {
  const answer = captures.answers[name];
  if (answer === undefined) throw new Error(`no capture ${name}`);
  return parseDocument(Buffer.from(answer.body), answer.contentType);
}

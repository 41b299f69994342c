import type { Dispatcher } from "undici";

import type { BodyReader, Reply } from "./reply.ts";

/** What bounds an answer, and who takes it. */
export interface AnswerOptions {
  /** Of the body. */
  readonly maxBytes: number;
  readonly signal: AbortSignal;
  /** Gets the body when the status is 200; without one it becomes a text. */
  readonly reader?: BodyReader | undefined;
}

/**
 * Sends a request and gathers its answer.
 *
 * By undici's handlers and not by its streams: a small answer costs half the time, and a chunk of a large
 * one is taken where it comes from.
 *
 * @throws {@link TooLarge}; the signal's reason; undici's own errors.
 */
export function answerOf(
  dispatcher: Dispatcher,
  request: Dispatcher.DispatchOptions,
  { maxBytes, signal, reader }: AnswerOptions,
): Promise<Reply> {
  return new Promise((resolve, reject) => {
    let controller: Dispatcher.DispatchController | undefined;
    let status = 0;
    let headers: Readonly<Record<string, string | string[] | undefined>> = {};
    let chunks: Buffer[] = [];
    let bytes = 0;
    const failed = (error: unknown): void => {
      signal.removeEventListener("abort", aborted);
      reject(error);
    };
    const fail = (error: Error): void => {
      failed(error);
      controller?.abort(error);
    };
    const aborted = (): void => fail(signal.reason as Error);
    if (signal.aborted) {
      reject(signal.reason);
      return;
    }
    signal.addEventListener("abort", aborted, { once: true });
    dispatcher.dispatch(request, {
      onRequestStart(started) {
        controller = started;
        // Aborted while it waited for a connection: it is not sent.
        if (signal.aborted) started.abort(signal.reason as Error);
      },
      onResponseStart(_, statusCode, answered) {
        // Before the answer proper there may be a word that it is coming.
        if (statusCode < 200) return;
        status = statusCode;
        headers = answered;
        if (status === 200) reader?.begin();
      },
      onResponseData(_, chunk) {
        bytes += chunk.length;
        if (bytes > maxBytes) fail(new TooLarge(`the answer is larger than ${maxBytes} bytes`));
        else if (status === 200 && reader !== undefined) reader.write(chunk);
        else chunks.push(chunk);
      },
      onResponseEnd() {
        signal.removeEventListener("abort", aborted);
        const text = Buffer.concat(chunks, chunks.length === 0 ? 0 : bytes).toString("utf8");
        chunks = [];
        resolve({ status, text, header: (name) => [headers[name]].flat()[0] });
      },
      onResponseError(_, error) {
        failed(error);
      },
    });
  });
}

/** An answer larger than its bound. */
export class TooLarge extends Error {
  override readonly name = "TooLarge";
}

import { httpDate } from "../clock.ts";
import type { ClientOutput } from "../client/client-output.ts";
import type { BodyFraming } from "../http1/body-framing.ts";
import type { ReceivedHead } from "../http1/received-head.ts";
import type { ResponseScan } from "../http1/response-scan.ts";
import { type ClientFraming, responseText } from "./response-text.ts";

/** A node's answer on its way to the client: how it is framed, and what it says about the connections. */
export class Answer {
  readonly status: number;
  /** Whether the client's connection goes on after it. */
  readonly keepAlive: boolean;
  /** How long the node keeps its connection, in ms. */
  readonly keepMs: number;
  /** Whether the node's connection may carry another request. */
  reusable: boolean;
  /** Head that waits for the first piece of the body, to leave with it. */
  #head: string;
  /** Whether the client knows no chunks, so that only the data goes to it. */
  readonly #dechunks: boolean;

  /**
   * @param framing  Is told how the body is framed.
   * @param mayKeepAlive  Whether anything but the answer itself forbids to keep the client's connection.
   */
  constructor(
    scan: ResponseScan,
    bytes: Buffer,
    framing: BodyFraming,
    request: ReceivedHead,
    mayKeepAlive: boolean,
  ) {
    this.status = scan.status;
    // Half a second earlier than the node, so that the two do not meet.
    this.keepMs = scan.keepAliveS === -1 ? Infinity : scan.keepAliveS * 1_000 - 500;
    const isOld = request.httpVersion === "1.0";
    const told = frame(scan, framing, request.method, isOld);
    this.reusable = !scan.close && !framing.isUntilClose;
    this.#dechunks = isOld && scan.chunked;
    this.keepAlive = mayKeepAlive && told !== "until_close";
    let connection = "";
    if (!this.keepAlive) connection = "Connection: close\r\n";
    else if (isOld) connection = "Connection: keep-alive\r\n";
    // RFC 9110 §6.6.1: whoever passes on an answer without it writes it.
    if (!scan.isDated) connection += `Date: ${httpDate()}\r\n`;
    this.#head = responseText(scan, bytes, told, !framing.done, connection);
  }

  /** Sends the piece of the body that is there; `framing` then tells whether it was the last, or bad. */
  send(output: ClientOutput, bytes: Buffer, from: number, to: number, framing: BodyFraming): void {
    const head = this.#head;
    this.#head = "";
    if (this.#dechunks) {
      let text = head;
      framing.take(bytes, from, to, (start, end) => {
        output.write(text, bytes, start, end, "");
        text = "";
      });
      if (text !== "") output.writeText(text);
      return;
    }
    framing.take(bytes, from, to);
    const { passEnd, tail } = framing;
    if (passEnd > from || head !== "" || tail !== "") {
      output.write(head, bytes, from, passEnd, tail);
    }
  }
}

/** How the body is read, and what the client is told of it. RFC 9112 §6.3. */
function frame(
  { status, chunked, length }: ResponseScan,
  framing: BodyFraming,
  method: string,
  isOld: boolean,
): ClientFraming {
  if (status === 204 || status === 304 || method === "HEAD") {
    framing.none();
    if (status === 204) return "none";
    if (chunked && !isOld) return "chunked";
    return length === -1 ? "none" : "length";
  }
  if (chunked) {
    framing.chunked();
    return isOld ? "until_close" : "chunked";
  }
  if (length !== -1) {
    framing.length(length);
    return "length";
  }
  framing.untilClose();
  return "until_close";
}

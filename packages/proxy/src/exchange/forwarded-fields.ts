import type { ReceivedHead } from "../http1/received-head.ts";

/**
 * Writes the fields by which a node learns who asked, and how. A client cannot forge them: what it sent is
 * dropped, except that X-Forwarded-For and Via are continued. What a trusted proxy sent is believed, and its
 * Forwarded continued.
 *
 * One client or one Host in a row gets the same text again.
 */
export class ForwardedFields {
  readonly #pseudonym: string;
  #address = "";
  #host: string | undefined = "";
  #port = -1;
  #secure = false;
  #text = "";

  /** @param pseudonym  Names this proxy in Via, so that it knows its own loops. RFC 9110 §7.6.3. */
  constructor(pseudonym: string) {
    this.#pseudonym = pseudonym;
  }

  /** Whether the request has been here before. */
  loops(head: ReceivedHead): boolean {
    return head.via !== "" && head.via.includes(this.#pseudonym);
  }

  /** Field lines with their ends. */
  of(head: ReceivedHead): string {
    const { peerAddress, localPort, secure, host } = head;
    const isCommon = head.forwardedFor === "" && head.via === "" && head.httpVersion === "1.1";
    if (!isCommon || head.testimony !== undefined) return this.#write(head);
    if (
      peerAddress !== this.#address ||
      host !== this.#host ||
      localPort !== this.#port ||
      secure !== this.#secure
    ) {
      this.#address = peerAddress;
      this.#host = host;
      this.#port = localPort;
      this.#secure = secure;
      this.#text = this.#write(head);
    }
    return this.#text;
  }

  #write(head: ReceivedHead): string {
    const { testimony, remoteAddress, peerAddress, localPort, secure, host, httpVersion } = head;
    const before = testimony?.forwardedFor ?? head.forwardedFor;
    const chain = before === "" ? "" : `${before}, `;
    const via = head.via === "" ? "" : `${head.via}, `;
    const scheme = secure ? "https" : "http";
    const asked = testimony?.host ?? host ?? "";
    const hostLine = asked === "" ? "" : `X-Forwarded-Host: ${asked}\r\n`;
    let lines =
      `X-Real-IP: ${remoteAddress}\r\nX-Forwarded-For: ${chain}${peerAddress}\r\n` +
      `X-Forwarded-Proto: ${testimony?.proto ?? scheme}\r\n${hostLine}` +
      `X-Forwarded-Port: ${testimony?.port ?? localPort}\r\n` +
      `Via: ${via}${httpVersion} ${this.#pseudonym}\r\n`;
    if (testimony !== undefined && testimony.forwarded !== "") {
      lines += `Forwarded: ${testimony.forwarded}, ${elementOf(peerAddress, host, scheme)}\r\n`;
    }
    return lines;
  }
}

/** What this proxy says of the request it received. RFC 7239 §4, §6.1: an address has no zone. */
function elementOf(peer: string, host: string | undefined, scheme: string): string {
  const node = peer.includes(":") ? `"[${peer.split("%")[0]}]"` : peer || "unknown";
  // Quotes and backslashes are no part of a host.
  const asked = host === undefined || host === "" ? "" : `;host="${host}"`;
  return `for=${node}${asked};proto=${scheme}`;
}

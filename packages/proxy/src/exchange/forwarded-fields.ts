import type { ReceivedHead } from "../http1/received-head.ts";

/**
 * Writes the fields by which a node learns who asked, and how. A client cannot forge them: what it sent is
 * dropped, except that X-Forwarded-For and Via are continued.
 *
 * One client or one Host in a row gets the same text again.
 */
export class ForwardedFields {
  readonly #via: string;
  #address = "";
  #host: string | undefined = "";
  #port = -1;
  #secure = false;
  #text = "";

  /** @param pseudonym  Names this proxy in Via, so that it knows its own loops. RFC 9110 §7.6.3. */
  constructor(pseudonym: string) {
    this.#via = `1.1 ${pseudonym}`;
  }

  /** Whether the request has been here before. */
  loops(head: ReceivedHead): boolean {
    return head.via !== "" && head.via.includes(this.#via);
  }

  /** Field lines with their ends. */
  of(head: ReceivedHead): string {
    const { remoteAddress, localPort, secure, host } = head;
    if (head.forwardedFor !== "" || head.via !== "") {
      const chain = head.forwardedFor === "" ? "" : `${head.forwardedFor}, `;
      const via = head.via === "" ? "" : `${head.via}, `;
      return this.#write(head, chain, via);
    }
    if (
      remoteAddress !== this.#address ||
      host !== this.#host ||
      localPort !== this.#port ||
      secure !== this.#secure
    ) {
      this.#address = remoteAddress;
      this.#host = host;
      this.#port = localPort;
      this.#secure = secure;
      this.#text = this.#write(head, "", "");
    }
    return this.#text;
  }

  #write(head: ReceivedHead, chain: string, via: string): string {
    const { remoteAddress: address, localPort, secure, host } = head;
    const asked = host === undefined || host === "" ? "" : `X-Forwarded-Host: ${host}\r\n`;
    return (
      `X-Real-IP: ${address}\r\nX-Forwarded-For: ${chain}${address}\r\n` +
      `X-Forwarded-Proto: ${secure ? "https" : "http"}\r\n${asked}` +
      `X-Forwarded-Port: ${localPort}\r\nVia: ${via}${this.#via}\r\n`
    );
  }
}

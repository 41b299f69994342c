import type { ReceivedHead } from "../http1/received-head.ts";

/**
 * Writes the fields by which a node learns who asked, and how. A client cannot forge them: what it sent is
 * dropped, except that X-Forwarded-For and Via are continued. What a trusted proxy sent is believed.
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
    if (!isCommon || head.isFromTrusted) return this.#write(head);
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
    const { remoteAddress, peerAddress, localPort, secure, host, httpVersion } = head;
    const chain = head.forwardedFor === "" ? "" : `${head.forwardedFor}, `;
    const via = head.via === "" ? "" : `${head.via}, `;
    const told = head.isFromTrusted ? head : undefined;
    const asked = believed(told, "x-forwarded-host", isHostLike) ?? host ?? "";
    const proto = believed(told, "x-forwarded-proto", isProto) ?? (secure ? "https" : "http");
    const port = believed(told, "x-forwarded-port", isPort) ?? String(localPort);
    return (
      `X-Real-IP: ${remoteAddress}\r\nX-Forwarded-For: ${chain}${peerAddress}\r\n` +
      `X-Forwarded-Proto: ${proto}\r\n${asked === "" ? "" : `X-Forwarded-Host: ${asked}\r\n`}` +
      `X-Forwarded-Port: ${port}\r\nVia: ${via}${httpVersion} ${this.#pseudonym}\r\n`
    );
  }
}

const isProto = /^https?$/i;
const isPort = /^\d{1,5}$/;
const isHostLike = /^[A-Za-z0-9._~!$&'()*+,;=%:[\]-]{1,261}$/;

/** A field of a trusted proxy, where it says what it should. */
function believed(head: ReceivedHead | undefined, name: string, form: RegExp): string | undefined {
  const value = head?.header(name);
  return value !== undefined && form.test(value) ? value : undefined;
}

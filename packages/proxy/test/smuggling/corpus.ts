/*
 * Streams of bytes that some reader takes for other requests than another does. `/smuggled` stands where only
 * such a reader sees a request.
 */

/** One client's bytes, and what they are to us. */
export interface Attack {
  readonly name: string;
  /** latin1. */
  readonly bytes: string;
  /** Status of each answer; the connection is kept after 200 only. */
  readonly answers: readonly number[];
  /** Whether the connection ends after them, though nothing was wrong. */
  readonly closes?: true;
  /** Targets of the requests that a node may read to their end; default: `/1` for each 200. */
  readonly targets?: readonly string[];
  /** What the node may not be sent, whatever it would make of it. */
  readonly never?: RegExp;
}

const hidden = "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n";
const chunked = "Transfer-Encoding: chunked";
const end = "0\r\n\r\n";

/** A POST with these fields. */
function post(...fields: readonly string[]): string {
  return `POST /1 HTTP/1.1\r\nHost: a\r\n${fields.map((field) => `${field}\r\n`).join("")}\r\n`;
}

/** A chunked POST. */
function chunks(body: string): string {
  return post(chunked) + body;
}

/** A chunk that holds `text`. */
function chunk(text: string): string {
  return `${text.length.toString(16)}\r\n${text}\r\n`;
}

function refused(status: number, all: Readonly<Record<string, string>>): Attack[] {
  return Object.entries(all).map(([name, bytes]) => ({ name, bytes, answers: [status] }));
}

function served(all: Readonly<Record<string, string>>): Attack[] {
  return Object.entries(all).map(([name, bytes]) => ({ name, bytes, answers: [200] }));
}

const twoLengths: readonly Attack[] = refused(400, {
  "CL.TE: length and chunked": post("Content-Length: 6", chunked) + end + hidden,
  "TE.CL: chunked and length": post(chunked, "Content-Length: 4") + chunk(hidden) + end,
  "CL.CL: two lengths": post("Content-Length: 0", `Content-Length: ${hidden.length}`) + hidden,
  "CL.CL: the same twice": `${post("Content-Length: 2", "Content-Length: 2")}ok${hidden}`,
  "CL.CL: a list": `${post("Content-Length: 2, 2")}ok${hidden}`,
  "CL.CL: a list of two": post(`Content-Length: 0, ${hidden.length}`) + hidden,
  "CL: a plus": post(`Content-Length: +${hidden.length}`) + hidden,
  "CL: a minus": post("Content-Length: -1") + hidden,
  "CL: hexadecimal": post(`Content-Length: 0x${hidden.length.toString(16)}`) + hidden,
  "CL: a space inside": post("Content-Length: 0 5") + hidden,
  "CL: nothing": post("Content-Length:") + hidden,
  "CL: a vertical tab": post("Content-Length: \x0b5") + hidden,
  "CL: a NUL": post("Content-Length: 5\0") + hidden,
  "CL: wraps at 64 bits": post("Content-Length: 18446744073709551616") + hidden,
  "CL: 2^53 + 1": post("Content-Length: 9007199254740993") + hidden,
  "CL: a space before the colon": post(`Content-Length : ${hidden.length}`) + hidden,
  "CL: a NUL in the name": post(`Content-Length\0: ${hidden.length}`) + hidden,
  "CL: a space of Latin-1 in the name": post(`Content-Length\xa0: ${hidden.length}`) + hidden,
  "CL: folded": post(`Content-Length:\r\n ${hidden.length}`) + hidden,
  "CL: after a bare CR": post(`X: y\rContent-Length: ${hidden.length}`) + hidden,
  "CL: after a bare LF": post(`X: y\nContent-Length: ${hidden.length}`) + hidden,
});

const codings: readonly Attack[] = [
  ...refused(400, {
    "TE.TE: twice": post(chunked, chunked) + end + hidden,
    "TE.TE: chunked and identity": post(chunked, "Transfer-Encoding: identity") + end + hidden,
    "TE.TE: identity and chunked": post("Transfer-Encoding: identity", chunked) + end + hidden,
    "TE: chunked, identity": post("Transfer-Encoding: chunked, identity") + end + hidden,
    "TE: chunked, chunked": post("Transfer-Encoding: chunked, chunked") + end + hidden,
    "TE: xchunked": post("Transfer-Encoding: xchunked") + end + hidden,
    "TE: chunk": post("Transfer-Encoding: chunk") + end + hidden,
    "TE: in quotes": post('Transfer-Encoding: "chunked"') + end + hidden,
    "TE: with a parameter": post("Transfer-Encoding: chunked;q=0") + end + hidden,
    "TE: nothing": post("Transfer-Encoding:") + end + hidden,
    "TE: with a length, xchunked": post("Transfer-Encoding: xchunked", "Content-Length: 5") + end,
    "TE: a trailing tab": post(`${chunked}\t`) + end + hidden,
    "TE: a vertical tab": post("Transfer-Encoding: \x0bchunked") + end + hidden,
    "TE: a trailing vertical tab": post(`${chunked}\x0b`) + end + hidden,
    "TE: a space of Latin-1": post(`${chunked}\xa0`) + end + hidden,
    "TE: a NUL": post(`${chunked}\0`) + end + hidden,
    "TE: a space before the colon": post("Transfer-Encoding : chunked") + end + hidden,
    "TE: a tab before the colon": post("Transfer-Encoding\t: chunked") + end + hidden,
    "TE: a space before the name": post(` ${chunked}`) + end + hidden,
    "TE: folded": post("Transfer-Encoding:\r\n chunked") + end + hidden,
    "TE: folded into another": post(`X: y\r\n ${chunked}`) + end + hidden,
    "TE: after a bare LF": post(`X: y\n${chunked}`) + end + hidden,
    "TE: after a bare CR": post(`X: y\r${chunked}`) + end + hidden,
    "TE: after two CRs": post(`X: y\r\r\n${chunked}`) + end + hidden,
    "TE: a bare LF in the name": post("Transfer-Encoding\n: chunked") + end + hidden,
    "TE: in HTTP/1.0": `POST /1 HTTP/1.0\r\nHost: a\r\n${chunked}\r\n\r\n${end}${hidden}`,
    "TE: in HTTP/1.0, kept": `POST /1 HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n${chunked}\r\n\r\n${end}${hidden}`,
  }),
  ...refused(501, {
    "TE: gzip, chunked": post("Transfer-Encoding: gzip, chunked") + end + hidden,
    "TE: identity, chunked": post("Transfer-Encoding: identity, chunked") + end + hidden,
  }),
  ...served({
    "TE: in capitals": post("TRANSFER-ENCODING: CHUNKED") + chunk(hidden) + end,
    "TE: after a tab": post("Transfer-Encoding:\tchunked") + chunk(hidden) + end,
    "TE: nominated": post("Connection: Transfer-Encoding", chunked) + chunk(hidden) + end,
    "CL: nominated":
      post("Connection: Content-Length", `Content-Length: ${hidden.length}`) + hidden,
  }),
  {
    name: "TE: with an underscore",
    bytes: post("Content-Length: 5", "Transfer_Encoding: chunked") + end,
    answers: [200],
    never: /transfer_encoding/i,
  },
  {
    name: "CL: with an underscore",
    bytes: post(chunked, "Content_Length: 100") + end,
    answers: [200],
    never: /content_length/i,
  },
];

const chunkTricks: readonly Attack[] = [
  ...refused(400, {
    "chunk: a bare LF after the size": chunks(`1\nx\r\n${end}${hidden}`),
    "chunk: a bare CR after the size": chunks(`1\rx\r\n${end}${hidden}`),
    "chunk: a bare LF after the data": chunks(`1\r\nx\n${end}${hidden}`),
    "chunk: two bytes for the line end": chunks(`1\r\nxXX${end}${hidden}`),
    "chunk: more data than said": chunks(`1\r\nxyz\r\n${end}${hidden}`),
    "chunk: a space after the size": chunks(`1 \r\nx\r\n${end}${hidden}`),
    "chunk: a prefix": chunks(`0x1\r\nx\r\n${end}${hidden}`),
    "chunk: a sign": chunks(`-1\r\nx\r\n${end}${hidden}`),
    "chunk: no size": chunks(`\r\n${end}${hidden}`),
    "chunk: wraps at 32 bits": chunks(`100000000\r\n${end}${hidden}`),
    "chunk: wraps at 64 bits": chunks(`10000000000000000\r\n${end}${hidden}`),
    "chunk: a bare LF in an extension (EXT.TERM)": chunks(`1;a\nx\r\n${end}${hidden}`),
    "chunk: a bare CR in an extension": chunks(`1;a\rb\r\nx\r\n${end}${hidden}`),
    "chunk: a bare LF in quotes": chunks(`1;a="\n${hidden}"\r\nx\r\n${end}`),
    "chunk: CRLF in quotes": chunks(`1;a="\r\n${hidden}"\r\nx\r\n${end}`),
    "chunk: a NUL in an extension": chunks(`1;a=\0\r\nx\r\n${end}${hidden}`),
    "chunk: a semicolon and nothing": chunks(`1;\r\nx\r\n${end}${hidden}`),
    "chunk: a bare LF after the last": chunks(`0\n\r\n${hidden}`),
    "chunk: bare LFs after the last": chunks(`0\r\n\n${hidden}`),
    "chunk: a request instead of trailers": chunks(`0\r\n${hidden}`),
    "trailers: a bare LF": chunks(`0\r\nX: y\n\r\n${hidden}`),
    "trailers: folding": chunks(`0\r\nX: y\r\n z\r\n\r\n${hidden}`),
    "trailers: a space before the colon": chunks(`0\r\nX : y\r\n\r\n${hidden}`),
    "trailers: a bare CR": chunks(`0\r\nX: y\rZ: z\r\n\r\n${hidden}`),
  }),
  ...served({
    "chunk: a request in it": chunks(chunk(hidden) + end),
    "chunk: a request in two": chunks(chunk(hidden.slice(0, 9)) + chunk(hidden.slice(9)) + end),
    "chunk: a request in a quoted extension": chunks(`1;a="GET /smuggled HTTP/1.1"\r\nx\r\n${end}`),
    "chunk: an end in it": chunks(chunk(end + hidden) + end),
    "chunk: zeros before the size": chunks(`00000001\r\nx\r\n0000\r\n\r\n`),
    "trailers: a request in a value": chunks("0\r\nX: GET /smuggled HTTP/1.1\r\n\r\n"),
  }),
  {
    name: "trailers: framing, routing and credentials",
    bytes: chunks(
      "0\r\nContent-Length: 5\r\nTransfer-Encoding: x\r\nHost: evil\r\nAuthorization: x\r\nX: y\r\n\r\n",
    ),
    answers: [200],
    never: /evil|Content-Length|Authorization|Encoding: x/,
  },
];

const lines: readonly Attack[] = [
  ...refused(400, {
    "lines: bare LFs": `GET /1 HTTP/1.1\nHost: a\n\n${hidden}`,
    "lines: a bare LF at the end": `GET /1 HTTP/1.1\r\nHost: a\r\n\n${hidden}`,
    "lines: bare CRs": `GET /1 HTTP/1.1\rHost: a\r\r${hidden}`,
    "lines: LF CR": `GET /1 HTTP/1.1\r\nHost: a\n\r\n\r${hidden}`,
    "lines: CR CR LF": `GET /1 HTTP/1.1\r\r\nHost: a\r\n\r\n${hidden}`,
    "lines: folding": `GET /1 HTTP/1.1\r\nHost: a\r\nX: y\r\n ${hidden}`,
    "lines: a field first that begins with a space": `GET /1 HTTP/1.1\r\n X: y\r\nHost: a\r\n\r\n`,
    "lines: a field without a colon": `GET /1 HTTP/1.1\r\nHost: a\r\nX\r\n\r\n${hidden}`,
    "lines: a NUL in a value": `GET /1 HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n${hidden}`,
    "lines: a request as a field": `GET /1 HTTP/1.1\r\nHost: a\r\n${hidden}`,
    "lines: two empty ones first": `\r\n\r\n${hidden}`,
    "target: a space": `GET /1 /2 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "target: two versions": `GET /1 HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "target: a tab": `GET /1\tHTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "target: a bare LF": `GET /1\nX: HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "target: a NUL": `GET /1\0 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "target: a fragment": `GET /1#/smuggled HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "target: above ASCII": `GET /1\xa0HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "target: userinfo": `GET http://a@evil/1 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "target: an authority with a path before it": `GET http:/evil/1 HTTP/1.1\r\nHost: a\r\n\r\n`,
    "target: HTTP/0.9": `GET /smuggled\r\n\r\n`,
    "method: not a token": `GET:/ /1 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
    "method: a tab": `GET\t/1 HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
  }),
  ...refused(505, {
    "version: the preface of HTTP/2": `PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n${hidden}`,
    "version: HTTP/1.2": `GET /1 HTTP/1.2\r\nHost: a\r\n\r\n${hidden}`,
  }),
  ...refused(501, { "method: CONNECT": `CONNECT a:80 HTTP/1.1\r\nHost: a:80\r\n\r\n${hidden}` }),
  ...refused(431, {
    "head: too large": `GET /1 HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(33_000)}\r\n\r\n${hidden}`,
    "head: too many fields": `GET /1 HTTP/1.1\r\nHost: a\r\n${"X: y\r\n".repeat(200)}\r\n${hidden}`,
  }),
  ...refused(414, {
    "head: too long a target": `GET /${"x".repeat(33_000)} HTTP/1.1\r\nHost: a\r\n\r\n${hidden}`,
  }),
  {
    name: "target: escaped line ends",
    bytes: "GET /1%0d%0a%0d%0aGET%20/smuggled%20HTTP/1.1 HTTP/1.1\r\nHost: a\r\n\r\n",
    answers: [200],
    targets: ["/1%0d%0a%0d%0aGET%20/smuggled%20HTTP/1.1"],
  },
  {
    name: "target: two slashes",
    bytes: "GET //evil/1 HTTP/1.1\r\nHost: a\r\n\r\n",
    answers: [200],
    targets: ["//evil/1"],
  },
];

const hosts: readonly Attack[] = [
  ...refused(400, {
    "Host: missing": `GET /1 HTTP/1.1\r\n\r\n${hidden}`,
    "Host: twice": `GET /1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${hidden}`,
    "Host: twice the same": `GET /1 HTTP/1.1\r\nHost: a\r\nhost: a\r\n\r\n${hidden}`,
    "Host: twice, with a space": `GET /1 HTTP/1.1\r\nHost: a\r\nHost : b\r\n\r\n${hidden}`,
    "Host: folded": `GET /1 HTTP/1.1\r\nHost: a\r\n\tb\r\n\r\n${hidden}`,
    "Host: a space": `GET /1 HTTP/1.1\r\nHost: a b\r\n\r\n${hidden}`,
    "Host: userinfo": `GET /1 HTTP/1.1\r\nHost: a@b\r\n\r\n${hidden}`,
    "Host: a path": `GET /1 HTTP/1.1\r\nHost: a/b\r\n\r\n${hidden}`,
    "Host: two ports": `GET /1 HTTP/1.1\r\nHost: a:80:81\r\n\r\n${hidden}`,
    "Host: malformed beside an authority": `GET http://a/1 HTTP/1.1\r\nHost: a b\r\n\r\n${hidden}`,
    "Host: twice beside an authority": `GET http://a/1 HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n${hidden}`,
  }),
  {
    name: "Host: another than the authority",
    bytes: "GET http://a/1 HTTP/1.1\r\nHost: evil\r\n\r\n",
    answers: [200],
    never: /evil/,
  },
  {
    name: "Host: with an underscore",
    bytes: "GET /1 HTTP/1.1\r\nHost: a\r\nHost_: evil\r\nX-Forwarded_Host: evil\r\n\r\n",
    answers: [200],
    never: /Forwarded_Host/,
  },
  {
    name: "Host: nominated",
    bytes: "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Host\r\n\r\n",
    answers: [200],
  },
];

const bodies: readonly Attack[] = [
  ...served({
    "body: of POST": post(`Content-Length: ${hidden.length}`) + hidden,
    "body: of GET": `GET /1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    "body: of DELETE": `DELETE /1 HTTP/1.1\r\nHost: a\r\nContent-Length: ${hidden.length}\r\n\r\n${hidden}`,
    "body: chunked, of GET": `GET /1 HTTP/1.1\r\nHost: a\r\n${chunked}\r\n\r\n${chunk(hidden)}${end}`,
    "body: with an expectation":
      post("Expect: 100-continue", `Content-Length: ${hidden.length}`) + hidden,
    "body: with two expectations":
      post("Expect: 100-continue", "Expect: x", `Content-Length: ${hidden.length}`) + hidden,
    "body: with another expectation":
      post("Expect: x", `Content-Length: ${hidden.length}`) + hidden,
    "body: with an upgrade":
      post("Connection: Upgrade", "Upgrade: websocket", `Content-Length: ${hidden.length}`) +
      hidden,
    "body: with h2c":
      post(
        "Connection: Upgrade, HTTP2-Settings",
        "Upgrade: h2c",
        "HTTP2-Settings: AAMAAABkAARAAAAAAAIAAAAA",
        `Content-Length: ${hidden.length}`,
      ) + hidden,
    "body: with leading zeros in its length": post(`Content-Length: 000${hidden.length}`) + hidden,
  }),
  {
    name: "upgrade: h2c without an answer to it",
    bytes:
      "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade, HTTP2-Settings\r\nUpgrade: h2c\r\nHTTP2-Settings: AAMA\r\n\r\n",
    answers: [200],
    never: /upgrade|http2-settings/i,
  },
  {
    name: "upgrade: WebSocket where the route forbids it",
    bytes:
      "GET /1 HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\nUpgrade: websocket\r\nSec-WebSocket-Version: 13\r\n\r\n",
    answers: [200],
    never: /upgrade/i,
  },
  {
    name: "close: a request after it",
    bytes: `GET /1 HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n${hidden}`,
    answers: [200],
    closes: true,
  },
  {
    name: "close: a request after HTTP/1.0",
    bytes: `GET /1 HTTP/1.0\r\nHost: a\r\n\r\n${hidden}`,
    answers: [200],
    closes: true,
  },
  {
    name: "close: both options in HTTP/1.0",
    bytes: `GET /1 HTTP/1.0\r\nHost: a\r\nConnection: close, keep-alive\r\n\r\n${hidden}`,
    answers: [200],
    closes: true,
  },
  {
    name: "pipelining: two with bodies",
    bytes: post(`Content-Length: ${hidden.length}`) + hidden + chunks(chunk(hidden) + end),
    answers: [200, 200],
  },
  {
    name: "pipelining: a bad one after a good one",
    bytes: `${post("Content-Length: 2")}ok${post("Content-Length: 1", chunked)}${end}${hidden}`,
    answers: [200, 400],
    targets: ["/1"],
  },
];

/** All of them. */
export const attacks: readonly Attack[] = [
  ...twoLengths,
  ...codings,
  ...chunkTricks,
  ...lines,
  ...hosts,
  ...bodies,
];

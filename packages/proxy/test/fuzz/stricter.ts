/*
 * Where ours is stricter than llhttp, and why. A class that is not listed here fails the fuzz.
 */

/** Requests. */
export const stricterRequests: Readonly<Record<string, string>> = {
  "the Host field is missing": "RFC 9112 §3.2",
  "more than one Host field": "RFC 9112 §3.2",
  "the Host field is malformed": "RFC 9112 §3.2: a name or address, and a port",
  "the request target is malformed": "RFC 9112 §3.2: no fragment, no space",
  "the request target is not a path":
    "RFC 9112 §3.2: `*` for OPTIONS only, no userinfo; RFC 9110 §7.4: no https without TLS",
  "the method is malformed": "RFC 9112 §2.2: one empty line before a request, not several",
  "a bare CR before the request line": "RFC 9112 §2.2",
  "the request line is malformed": "llhttp knows other protocols: RTSP, ICE",
  "the HTTP version is not served": "llhttp knows HTTP/0.9 and HTTP/2.0",
  "CONNECT is not served": "this is no forward proxy",
  "a header field's name is malformed": "",
  "a header field's value is malformed": "",
  "Content-Length is malformed": "no spaces inside, and digits that a number holds exactly",
  "more than one Content-Length": "",
  "both Content-Length and Transfer-Encoding": "",
  "more than one Transfer-Encoding field": "chunked is applied once",
  "a transfer coding other than chunked": "RFC 9112 §6.1: 501",
  "Transfer-Encoding is not one final chunked": "RFC 9112 §6.3, and no space at the line's end",
  "Transfer-Encoding in HTTP/1.0": "RFC 9112 §6.1",
  "the chunked body":
    "at most eight digits of a size; names and values of extensions are not empty",
  "close goes before keep-alive in HTTP/1.0": "RFC 9112 §9.3",
  "Proxy-Connection means nothing": "RFC 9112 appendix C.2.2",
  "no Upgrade in HTTP/1.0": "RFC 9110 §7.8",
  "an empty Upgrade": "there is nothing to switch to",
};

/** Answers. */
export const stricterResponses: Readonly<Record<string, string>> = {
  "the status line is malformed": "no empty line before it, no HTTP/0.9 or 2.0",
  "the status is malformed": "three digits from 100 on",
  "a bare CR in the head": "",
  "a header field's name is malformed": "",
  "a header field's value is malformed": "",
  "Content-Length is malformed": "digits that a number holds exactly",
  "more than one Content-Length": "",
  "both Content-Length and Transfer-Encoding": "",
  "more than one Transfer-Encoding field": "chunked is applied once",
  "a transfer coding other than chunked": "clients would not hear of it: the field is of one hop",
  "Transfer-Encoding in HTTP/1.0": "RFC 9112 §6.1",
  "the chunked body":
    "at most eight digits of a size; names and values of extensions are not empty",
  "close goes before keep-alive in HTTP/1.0": "RFC 9112 §9.3",
  "Proxy-Connection means nothing": "RFC 9112 appendix C.2.2",
};

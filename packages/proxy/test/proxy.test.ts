import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { request as httpRequest } from "node:http";

import { describe, test } from "vitest";

import {
  bodyOf,
  deadNode,
  echoNode,
  forwardTo,
  get,
  httpNode,
  proxyWith,
  rawNode,
  talk,
  until,
} from "./wire.ts";

describe("forwarding", () => {
  test("target and query travel byte for byte", async () => {
    await using node = await echoNode();
    const address = await proxyWith({ route: () => forwardTo([node]) });
    for (const target of ["/a%2Fb//c/./d?x=%20&y=1", "/?", "/~a;b=c?q=?&r=/..", "/%e4%f6"]) {
      const { url } = JSON.parse((await talk(address, get(target))).split("\r\n\r\n")[1] ?? "");
      assert.equal(url, target);
    }
  });

  test("a given target replaces the received one", async () => {
    await using node = await echoNode();
    const address = await proxyWith({
      route: () => forwardTo([node], [], { target: "/other?z=1" }),
    });
    const { url } = JSON.parse((await talk(address, get("/a"))).split("\r\n\r\n")[1] ?? "");
    assert.equal(url, "/other?z=1");
  });

  test("absolute-form becomes a path, and its authority Host", async () => {
    await using node = await echoNode();
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const answer = await talk(address, get("http://other.example:81?x=1"));
    const { url, headers } = JSON.parse(answer.split("\r\n\r\n")[1] ?? "");
    assert.equal(url, "/?x=1");
    assert.equal(headers.host, "other.example:81");
  });

  test("forged X-Forwarded fields are replaced, the peer is appended, hop-by-hop fields stay here", async () => {
    await using node = await echoNode();
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const more = [
      "X-Forwarded-For: 6.6.6.6",
      "X-Forwarded-Proto: https",
      "X-Forwarded-Host: evil",
      "X-Forwarded-Port: 1",
      "Forwarded: for=6.6.6.6",
      "X-Real-IP: 6.6.6.6",
      "X_Forwarded_For: 6.6.6.6",
      "X-Forwarded_Proto: https",
      "Keep-Alive: timeout=5",
      "Upgrade: h2c",
      "TE: trailers, deflate",
      "X-Private: 1",
      "X-Kept: 1",
      "Connection: X-Private, Host, Content-Length, Upgrade",
      "",
    ].join("\r\n");
    const { headers } = JSON.parse(
      (await talk(address, get("/", more))).split("\r\n\r\n")[1] ?? "",
    );
    assert.deepEqual(
      {
        for: headers["x-forwarded-for"],
        proto: headers["x-forwarded-proto"],
        host: headers["x-forwarded-host"],
        port: headers["x-forwarded-port"],
        ip: headers["x-real-ip"],
        te: headers.te,
        kept: headers["x-kept"],
      },
      {
        for: "6.6.6.6, 127.0.0.1",
        proto: "http",
        host: "shop.example",
        port: String(address.port),
        ip: "127.0.0.1",
        te: "trailers",
        kept: "1",
      },
    );
    const here = ["forwarded", "keep-alive", "upgrade", "x-private"];
    for (const gone of [...here, "x_forwarded_for", "x-forwarded_proto"]) {
      assert.equal(headers[gone], undefined, gone);
    }
    assert.equal(headers.host, "shop.example");
  });

  test("five mebibytes each way arrive whole", async () => {
    await using node = await httpNode((request, response) => {
      response.setHeader("x-framing", request.headers["transfer-encoding"] ?? "length");
      request.pipe(response);
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const payload = Buffer.alloc(5 * 1024 * 1024, "0123456789abcdef");
    for (const chunked of [false, true]) {
      const digest = await new Promise<string>((resolve, reject) => {
        const headers = chunked
          ? { "transfer-encoding": "chunked" }
          : { "content-length": payload.length };
        const request = httpRequest({ ...address, method: "POST", headers }, (response) => {
          assert.equal(response.headers["x-framing"], chunked ? "chunked" : "length");
          const hash = createHash("sha256");
          response.on("data", (chunk) => hash.update(chunk));
          response.once("end", () => resolve(hash.digest("hex")));
        });
        request.once("error", reject);
        request.end(payload);
      });
      assert.equal(digest, createHash("sha256").update(payload).digest("hex"));
    }
  });

  test("an answer is not read faster than its client takes it", async () => {
    let sent = 0;
    let ended = false;
    await using node = await httpNode((_request, response) => {
      const chunk = Buffer.alloc(64 * 1024);
      const push = (): void => {
        while (sent < 512 * 1024 * 1024) {
          sent += chunk.length;
          if (!response.write(chunk)) return;
        }
        ended = true;
      };
      response.on("drain", push);
      push();
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const request = httpRequest(address, (response) => response.pause());
    request.on("error", () => undefined);
    request.end();
    let last = -1;
    let calm = 0;
    await until(() => {
      calm = sent > 0 && sent === last ? calm + 1 : 0;
      last = sent;
      return calm > 50;
    }, "the node to be held back");
    assert.equal(ended, false);
    request.destroy();
  });

  test("HEAD, 204 and 304 have no body, whatever their length says", async () => {
    await using node = await httpNode((request, response) => {
      const status = Number(request.url?.slice(1));
      response.writeHead(status, {
        etag: '"1"',
        ...(status === 204 ? {} : { "content-length": 10 }),
      });
      response.end();
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const bytes =
      "HEAD /200 HTTP/1.1\r\nHost: a\r\n\r\nGET /204 HTTP/1.1\r\nHost: a\r\n\r\n" + get("/304");
    const answers = await talk(address, bytes);
    assert.match(answers, /^HTTP\/1\.1 200 .*HTTP\/1\.1 204 .*HTTP\/1\.1 304 /s);
    assert.match(answers, /content-length: 10/i);
    assert.ok(answers.endsWith("\r\n\r\n"));
  });

  test("bytes above 0x7f in fields travel as they are", async () => {
    await using node = await rawNode((socket) => {
      socket.on("data", (bytes) => {
        const sent = /^X-Sent: (.*)\r$/m.exec(bytes.toString("latin1"))?.[1];
        const head = `HTTP/1.1 200 OK\r\nX-Raw: \xc3\xa9\xff\r\nX-Seen: ${sent}\r\n`;
        socket.write(Buffer.from(`${head}Content-Length: 2\r\n\r\nok`, "latin1"));
      });
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const answer = await talk(address, get("/", "X-Sent: \xc3\xa9\xff\r\n"));
    assert.match(answer, /^X-Raw: \xc3\xa9\xff\r$/m);
    assert.match(answer, /^X-Seen: \xc3\xa9\xff\r$/m);
  });

  test.each([
    ["a length", "GET", "1.1", "200 OK", "Content-Length: 2\r\n\r\nok"],
    ["HEAD", "HEAD", "1.1", "200 OK", "Transfer-Encoding: chunked\r\n\r\n"],
    ["204", "GET", "1.1", "204 No Content", "Content-Length: 2\r\n\r\n"],
    ["HTTP/1.0", "GET", "1.0", "200 OK", "Transfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"],
  ])(
    "a Trailer field goes where there can be none: %s",
    async (_name, method, version, status, rest) => {
      await using node = await rawNode((socket) => {
        socket.on("data", () => socket.write(`HTTP/1.1 ${status}\r\nTrailer: x-sum\r\n${rest}`));
      });
      const address = await proxyWith({ route: () => forwardTo([node]) });
      const head = `${method} / HTTP/${version}\r\nHost: a\r\nConnection: close\r\n\r\n`;
      const answer = await talk(address, head);
      assert.ok(answer.startsWith(`HTTP/1.1 ${status}\r\n`), answer);
      assert.doesNotMatch(answer, /trailer/i);
      if (status.startsWith("204")) assert.doesNotMatch(answer, /content-length/i);
    },
  );

  test("early hints and trailers travel on", async () => {
    await using node = await httpNode((_request, response) => {
      response.writeEarlyHints({ link: "</a.css>; rel=preload" });
      response.writeHead(200, { trailer: "x-sum" });
      response.write("body");
      response.addTrailers({ "x-sum": "7", "content-type": "forged" });
      response.end();
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const answer = await talk(address, get("/"));
    assert.match(answer, /^HTTP\/1\.1 103 [^\r]*\r\nLink: <\/a\.css>/i);
    assert.match(answer, /x-sum: 7/i);
    assert.doesNotMatch(answer, /forged/);
  });

  test("an HTTP/1.0 client gets a body that ends with the connection", async () => {
    await using node = await httpNode((_request, response) => {
      response.write("one ");
      response.end("two");
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const answer = await talk(address, "GET / HTTP/1.0\r\n\r\n");
    assert.ok(answer.endsWith("\r\n\r\none two"));
    assert.doesNotMatch(answer, /transfer-encoding/i);
  });

  test("other expectations are ignored", async () => {
    await using node = await echoNode();
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const answer = await talk(address, get("/", "Expect: 200-maybe\r\n"));
    assert.match(answer, /^HTTP\/1\.1 200 /);
    assert.equal(JSON.parse(answer.split("\r\n\r\n")[1] ?? "").headers.expect, undefined);
  });

  test("no body stays no body, whatever the method", async () => {
    await using node = await echoNode();
    const address = await proxyWith({ route: () => forwardTo([node]) });
    for (const method of ["GET", "DELETE", "POST", "PURGE", "PROPFIND"]) {
      const bytes = `${method} / HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n`;
      const { headers } = JSON.parse((await talk(address, bytes)).split("\r\n\r\n")[1] ?? "");
      assert.equal(headers["transfer-encoding"], undefined, method);
      const said = method === "GET" || method === "DELETE" ? undefined : "0";
      assert.equal(headers["content-length"], said, method);
    }
  });

  test("a body that nobody wants is thrown away, and what follows it is the next request", async () => {
    await using node = await httpNode((_request, response) => response.end("served"));
    const refusal = { kind: "reply", status: 403, headers: {}, body: "no" } as const;
    const address = await proxyWith({
      route: ({ target }) => (target === "/no" ? refusal : forwardTo([node])),
    });
    const post = "POST /no HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\n\r\n12345";
    const chunked =
      "POST /no HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n";
    const answers = await talk(address, post + chunked + get("/"));
    assert.deepEqual(answers.match(/HTTP\/1\.1 \d+/g), [
      "HTTP/1.1 403",
      "HTTP/1.1 403",
      "HTTP/1.1 200",
    ]);
    assert.match(answers, /served$/);
  });

  test("an answer before the end of the body leaves the connection in use", async () => {
    await using node = await rawNode((socket) => {
      socket.once("data", () => {
        socket.pause();
        socket.write("HTTP/1.1 413 Too Large\r\nContent-Length: 3\r\nConnection: close\r\n\r\nbig");
      });
    });
    await using other = await httpNode((_request, response) => response.end("other"));
    const address = await proxyWith({
      route: ({ target }) => forwardTo([target === "/up" ? node : other]),
    });
    const length = 8 * 1024 * 1024;
    const upload = `POST /up HTTP/1.1\r\nHost: a\r\nContent-Length: ${length}\r\n\r\n`;
    const answers = await talk(address, upload + "x".repeat(length) + get("/"));
    assert.match(answers, /^HTTP\/1\.1 413 .*HTTP\/1\.1 200 .*other$/s);
  });

  test("a client that expects 100 gets it before it sends its body", async () => {
    await using node = await httpNode((request, response) => {
      request.pipe(response);
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const answer = await new Promise<string>((resolve, reject) => {
      const request = httpRequest(
        { ...address, method: "POST", headers: { expect: "100-continue", "content-length": 2 } },
        (response) => void bodyOf(response).then(resolve, reject),
      );
      request.once("continue", () => request.end("ok"));
      request.once("error", reject);
      request.flushHeaders();
    });
    assert.equal(answer, "ok");
  });
});

describe("other nodes", () => {
  test("a refused connection is tried on another node, body and all", async () => {
    await using node = await httpNode((request, response) => {
      request.pipe(response);
    });
    const outcomes: string[] = [];
    const nodes = [await deadNode(), node];
    const address = await proxyWith({ route: () => forwardTo(nodes, outcomes) });
    const post =
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nConnection: close\r\n\r\nhello";
    assert.match(await talk(address, post), /hello/);
    assert.deepEqual(outcomes, ["tcp_failure", "ok"]);
  });

  test("connections that died while idle cost no request", async () => {
    let served = 0;
    await using node = await rawNode((socket) => {
      let first = true;
      socket.on("data", () => {
        // The second request on a connection meets a close: the race every keep-alive client knows.
        if (!first) socket.resetAndDestroy();
        else socket.write("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
        if (first) served += 1;
        first = false;
      });
    });
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([node], outcomes) });
    for (let request = 0; request < 6; request += 1) {
      assert.ok((await talk(address, get("/"))).endsWith("ok"));
    }
    assert.equal(served, 6);
    assert.deepEqual(new Set(outcomes), new Set(["ok"]));
  });

  test("a request that may have been acted on is not sent twice", async () => {
    let received = 0;
    await using broken = await rawNode((socket) => {
      socket.on("data", () => {
        received += 1;
        socket.resetAndDestroy();
      });
    });
    await using other = await httpNode((_request, response) => response.end("other"));
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([broken, other], outcomes) });
    const post = "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";
    assert.match(await talk(address, post), /^HTTP\/1\.1 502 /);
    assert.equal(received, 1);
    assert.deepEqual(outcomes, ["tcp_failure"]);
    assert.ok((await talk(address, get("/"))).endsWith("other"));
  });

  test.each([
    { name: "no node", nodes: 0, status: 503, code: "NO_NODE" },
    { name: "all refuse", nodes: 2, status: 502, code: "CONNECT_FAILED" },
  ])("$name: $status", async ({ nodes, status, code }) => {
    const dead = await Promise.all(Array.from({ length: nodes }, () => deadNode()));
    const address = await proxyWith({ route: () => forwardTo(dead) });
    const answer = await talk(address, get("/"));
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `));
    assert.equal(JSON.parse(answer.split("\r\n\r\n")[1] ?? "").code, code);
  });

  test.each(["127.0.0.1", "localhost"])("an address that is not allowed: %s", async (host) => {
    let reached = 0;
    await using node = await httpNode((_request, response) => {
      reached += 1;
      response.end();
    });
    const asked: string[] = [];
    const address = await proxyWith({
      route: () => forwardTo([{ host, port: node.port, secure: false }]),
      allowAddress: (one) => {
        asked.push(one);
        return false;
      },
    });
    assert.match(await talk(address, get("/")), /^HTTP\/1\.1 502 /);
    assert.ok(asked.length > 0 && asked.every((one) => one === "127.0.0.1" || one === "::1"));
    assert.equal(reached, 0);
  });

  test("retries are bounded", async () => {
    const outcomes: string[] = [];
    const dead = [await deadNode(), await deadNode(), await deadNode()];
    const address = await proxyWith({ route: () => forwardTo(dead, outcomes, { retries: 1 }) });
    await talk(address, get("/"));
    assert.equal(outcomes.length, 2);
  });
});

describe("one reading or a refusal", () => {
  const refused: readonly (readonly [string, string, number])[] = [
    [
      "length and chunked",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    [
      "two lengths",
      "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4\r\nContent-Length: 5\r\n\r\nabcde",
      400,
    ],
    ["a list of lengths", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 4, 4\r\n\r\nabcd", 400],
    ["a signed length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: +4\r\n\r\nabcd", 400],
    [
      "another coding",
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n",
      501,
    ],
    [
      "a coding in HTTP/1.0",
      "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
      400,
    ],
    ["space before the colon", "GET / HTTP/1.1\r\nHost : a\r\n\r\n", 400],
    ["folding", "GET / HTTP/1.1\r\nHost: a\r\nX: b\r\n c\r\n\r\n", 400],
    ["a bare line feed", "GET / HTTP/1.1\nHost: a\n\n", 400],
    ["a bare line feed in a field", "GET / HTTP/1.1\r\nHost: a\r\nX: b\nY: c\r\n\r\n", 400],
    ["a bare carriage return", "GET / HTTP/1.1\r\nHost: a\r\nX: b\rY: c\r\n\r\n", 400],
    ["a NUL", "GET / HTTP/1.1\r\nHost: a\r\nX: \0\r\n\r\n", 400],
    ["no Host", "GET / HTTP/1.1\r\n\r\n", 400],
    ["two Hosts", "GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n", 400],
    ["a malformed Host", "GET / HTTP/1.1\r\nHost: a b\r\n\r\n", 400],
    ["a malformed authority", "GET http://a:b:c/ HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["an authority without a name", "GET http://:80/ HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["no authority", "GET http:///a HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["an authority cut short", "GET http://[::1/ HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a space in the target", "GET /a b HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a fragment", "GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["a star for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", 400],
    ["CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", 501],
    ["a head too long", `GET / HTTP/1.1\r\nHost: a\r\nX: ${"x".repeat(40_000)}\r\n\r\n`, 431],
    ["too many fields", `GET / HTTP/1.1\r\nHost: a\r\n${"X: 1\r\n".repeat(200)}\r\n`, 431],
    ["no HTTP", "hello\r\n\r\n", 400],
  ];

  test.each(refused)("%s", async (_name, bytes, status) => {
    let reached = 0;
    await using node = await httpNode((_request, response) => {
      reached += 1;
      response.end();
    });
    const address = await proxyWith({ route: () => forwardTo([node]) });
    const answer = await talk(address, bytes);
    assert.ok(answer.startsWith(`HTTP/1.1 ${status} `), answer.slice(0, 80));
    assert.equal(answer.match(/HTTP\/1\.1 /g)?.length, 1);
    assert.ok("code" in (JSON.parse(answer.split("\r\n\r\n")[1] ?? "") as object));
    assert.equal(reached, 0);
  });

  test("a bad chunk ends the exchange; the node never sees a whole request", async () => {
    let whole = false;
    await using node = await httpNode((request, response) => {
      request.on("error", () => undefined);
      request.resume().once("end", () => {
        whole = true;
        response.end();
      });
    });
    const outcomes: string[] = [];
    const address = await proxyWith({ route: () => forwardTo([node], outcomes) });
    await talk(
      address,
      "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n4\r\nabcd\r\nxyz\r\n",
    );
    await until(() => outcomes.length === 1, "the outcome");
    assert.equal(whole, false);
  });
});

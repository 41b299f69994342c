import { spawn } from "node:child_process";
import { once } from "node:events";
import { readFile } from "node:fs/promises";
import { get, type IncomingMessage } from "node:http";
import { request } from "node:https";
import { connect } from "node:net";
import { gunzipSync } from "node:zlib";

import { describe, expect, test } from "vitest";

import { startEurekaServer, type EurekaServerOptions } from "../src/index.ts";
import { bench, registration } from "./client.ts";
import { ManualClock } from "./manual-clock.ts";

const tlsFile = (name: string): Promise<Buffer> =>
  readFile(new URL(`fixtures/tls/${name}`, import.meta.url));

describe("start", () => {
  test("on a free port of loopback by default", async () => {
    await using server = await startEurekaServer();
    expect(server.host).toBe("127.0.0.1");
    expect(server.url).toBe(`http://127.0.0.1:${server.port}/eureka/`);
    expect((await fetch(`${server.url}apps`)).status).toBe(200);
  });

  test("an IPv6 address stands in brackets in the URL", async () => {
    await using server = await startEurekaServer({ host: "::1" });
    expect(server.url).toBe(`http://[::1]:${server.port}/eureka/`);
    expect((await fetch(`${server.url}apps`)).status).toBe(200);
  });

  test("a taken port is one clear error that names it", async () => {
    await using first = await startEurekaServer();
    const clock = new ManualClock();
    await expect(startEurekaServer({ port: first.port, clock })).rejects.toMatchObject({
      name: "EurekaServerError",
      code: "EADDRINUSE",
      message: `eureka-server: 127.0.0.1:${first.port} is in use already (EADDRINUSE); choose another port`,
    });
    expect(clock.pending).toBe(0);
  });

  test("an address of another machine keeps its code", async () => {
    await expect(startEurekaServer({ host: "192.0.2.1" })).rejects.toMatchObject({
      code: "EADDRNOTAVAIL",
    });
  });

  test.each<[object, string]>([
    [{ port: 70_000 }, "option port must be a whole number from 0 to 65535; it is 70000"],
    [{ port: "8761" }, 'option port must be a whole number from 0 to 65535; it is "8761"'],
    [{ port: Number.NaN }, "option port must be a whole number from 0 to 65535; it is null"],
    [{ host: "" }, 'option host must be an IP address without brackets or a host name; it is ""'],
    [{ host: "http://x" }, "option host must be"],
    [{ evictionIntervalMs: 0 }, "option evictionIntervalMs must be"],
    [{ deltaRetentionMs: 1.5 }, "option deltaRetentionMs must be"],
    [{ maxNodes: 0 }, "option maxNodes must be"],
    [{ maxBodyBytes: -1 }, "option maxBodyBytes must be"],
    [{ maxMetadataBytes: -1 }, "option maxMetadataBytes must be"],
    [{ exactLeases: "yes" }, "option exactLeases must be true or false"],
    [{ onChange: 5 }, "option onChange must be a function"],
    [{ credentials: { username: "a:b", password: "" } }, "option credentials.username must be"],
    [{ credentials: { username: "a", password: 1 } }, "option credentials.password must be"],
    [{ tls: { key: "x" } }, "option tls.cert must be"],
    [{ tls: { key: "x", cert: "y" } }, "option tls holds a key or certificate"],
  ])("%j is refused", async (options, message) => {
    await expect(startEurekaServer(options as EurekaServerOptions)).rejects.toMatchObject({
      code: "INVALID",
      message: expect.stringContaining(`eureka-server: ${message}`),
    });
  });
});

describe("stop", () => {
  test("ends open connections and the timer, frees the port, and may be called twice", async () => {
    const clock = new ManualClock();
    const server = await startEurekaServer({ clock });
    const socket = connect(server.port, "127.0.0.1");
    await once(socket, "connect");
    socket.write("GET /eureka/apps HTTP/1.1\r\nHost: x\r\n\r\n");
    await once(socket, "data");
    const closed = once(socket, "close");
    await Promise.all([server.close(), server.close(), server[Symbol.asyncDispose]()]);
    await closed;
    expect(clock.pending).toBe(0);
    await using second = await startEurekaServer({ port: server.port });
    expect(second.port).toBe(server.port);
  });

  test("a process that stopped its server exits by itself", async () => {
    const index = new URL("../src/index.ts", import.meta.url).href;
    const program = `
      const { startEurekaServer } = await import(${JSON.stringify(index)});
      const server = await startEurekaServer();
      const { get } = await import("node:http");
      await new Promise((resolve) => get(server.url + "apps", { agent: false }, (response) => response.resume().on("end", resolve)));
      await server.close();
      console.log("closed");`;
    const child = spawn(process.execPath, ["--input-type=module", "--eval", program], {
      stdio: ["ignore", "pipe", "inherit"],
    });
    let output = "";
    child.stdout.setEncoding("utf8").on("data", (text: string) => (output += text));
    const [code] = (await once(child, "close")) as [number | null];
    expect([code, output.trim()]).toEqual([0, "closed"]);
  });
});

describe("answers", () => {
  test.each<[string | undefined, number, string | null]>([
    ["application/json", 200, "application/json"],
    ["application/json, application/*+json", 200, "application/json"],
    ["application/json, text/plain, */*", 200, "application/json"],
    ["Application/JSON;charset=utf-8", 200, "application/json"],
    ["*/*", 200, "application/xml"],
    ["application/*", 200, "application/xml"],
    ["application/xml, application/json", 200, "application/xml"],
    ["application/json;q=0.5, application/xml", 200, "application/xml"],
    ["text/html, */*;q=0.1", 200, "application/xml"],
    ["*/*, application/json", 200, "application/json"],
    ["text/html", 406, "application/json"],
    ["application/json;q=0", 406, "application/json"],
  ])("Accept %s: %i %s", async (accept, status, type) => {
    await using b = await bench();
    const answer = await b.call("GET", "apps", { headers: { accept: accept! } });
    expect([answer.status, answer.headers.get("content-type")]).toEqual([status, type]);
  });

  test("gzip for those who take it, the same bytes inside", async () => {
    await using b = await bench();
    await b.register("A", "1");
    for (const path of ["apps", "apps/delta", "apps/A", "apps/A/1"]) {
      const url = new URL(path, b.server.url);
      const plain = await rawGet(url, {});
      const zipped = await rawGet(url, { "accept-encoding": "deflate, GZIP;q=0.5" });
      const refused = await rawGet(url, { "accept-encoding": "gzip;q=0" });
      expect([plain.encoding, zipped.encoding, refused.encoding]).toEqual([
        undefined,
        "gzip",
        undefined,
      ]);
      expect(gunzipSync(zipped.body)).toEqual(plain.body);
    }
  });

  test("HEAD has the headers of GET and no body", async () => {
    await using b = await bench();
    const answer = await b.call("HEAD", "apps");
    expect([answer.status, answer.text]).toEqual([200, ""]);
    expect((await b.call("HEAD", "apps/NONE")).status).toBe(404);
  });

  test("/eureka/v2, trailing slashes and other cases of a name mean the same", async () => {
    await using b = await bench();
    await b.register("orders", "1");
    for (const path of ["v2/apps/ORDERS", "apps/orders/", "apps/Orders", "v2/apps/ORDERS/"]) {
      expect((await b.call("GET", path)).status).toBe(200);
    }
    expect((await b.call("GET", "apps/ORDERS/1/")).status).toBe(200);
  });

  test("a vip matches one of a comma list, exactly", async () => {
    await using b = await bench();
    await b.register("A", "1", { vipAddress: "a,b", secureVipAddress: "s" });
    for (const [path, hash] of [
      ["vips/a", "UP_1_"],
      ["vips/b", "UP_1_"],
      ["vips/A", ""],
      ["vips/a%2Cb", ""],
      ["vips/s", ""],
      ["svips/s", "UP_1_"],
    ] as const) {
      expect((await b.call("GET", path)).text).toContain(`"apps__hashcode":"${hash}"`);
    }
  });

  test("an instance is found by its id alone", async () => {
    await using b = await bench();
    await b.register("A", "1");
    expect((await b.call("GET", "instances/1")).text).toContain('"app":"A"');
    expect((await b.call("GET", "instances/2")).status).toBe(404);
  });

  test.each(["text/plain", "application/xml", "application/x-www-form-urlencoded", "text/json"])(
    "a registration as %s is 415",
    async (type) => {
      await using b = await bench();
      const headers = { "content-type": type };
      const answer = await b.call("POST", "apps/A", { headers, body: registration("A", "1") });
      expect(answer.status).toBe(415);
    },
  );

  test("XML is well formed whatever the metadata holds", async () => {
    await using b = await bench();
    const metadata = { "1st": "<&>\"'\r", "a:b$_c é🎉": "x\u0000\ud800", "": "lost", port: "1" };
    await b.register("A", "1", { metadata });
    const { text } = await b.call("GET", "apps", { headers: { accept: "application/xml" } });
    expect(text).toContain("<_.0031st>&lt;&amp;&gt;&quot;&apos;&#xd;</_.0031st>");
    expect(text).toContain(
      "<a_.003ab_-__c_.0020é_.d83c_.df89>x\ufffd\ufffd</a_.003ab_-__c_.0020é_.d83c_.df89>",
    );
    expect(text).toContain("<port>1</port>");
    expect(text).not.toContain("lost");
  });
});

test("an onChange that throws fails no request and is an uncaught exception", async () => {
  const fault = new Error("thrown by the receiver");
  const caught = new Promise((resolve) => {
    const listeners = process.listeners("uncaughtException");
    process.removeAllListeners("uncaughtException");
    process.once("uncaughtException", (error) => {
      for (const listener of listeners) process.on("uncaughtException", listener);
      resolve(error);
    });
  });
  await using b = await bench({
    onChange: () => {
      throw fault;
    },
  });
  expect((await b.register("A", "1")).status).toBe(204);
  expect(await caught).toBe(fault);
});

describe("credentials", () => {
  const credentials = { username: "kit", password: "p@ss:w0rd é" };
  const basic = (text: string): string => `Basic ${Buffer.from(text).toString("base64")}`;

  test.each<[string | undefined, number]>([
    [undefined, 401],
    ["", 401],
    ["Basic", 401],
    ["Bearer x", 401],
    [basic("kit:wrong"), 401],
    [basic("other:p@ss:w0rd é"), 401],
    [basic("kit:p@ss:w0rd é"), 200],
    [basic("kit:p@ss:w0rd é").replace("Basic", "basic"), 200],
  ])("Authorization %s: %i", async (authorization, status) => {
    await using b = await bench({ credentials });
    const headers = authorization === undefined ? {} : { authorization };
    const answer = await b.call("GET", "apps", { headers });
    expect(answer.status).toBe(status);
    if (status === 200) return;
    expect(answer.headers.get("www-authenticate")).toBe('Basic realm="Realm"');
    expect(answer.text).toBe("");
  });

  test("every path asks for them, unknown ones too", async () => {
    await using b = await bench({ credentials });
    for (const path of ["apps", "apps/delta", "nope", "/"]) {
      expect((await b.call("GET", path)).status).toBe(401);
    }
    expect((await b.register("A", "1")).status).toBe(401);
  });
});

describe("tls", () => {
  test("speaks HTTPS, and with requestCert only to certified clients", async () => {
    const [ca, key, cert, clientKey, clientCert] = await Promise.all(
      ["ca.pem", "server.key", "server.pem", "client.key", "client.pem"].map(tlsFile),
    );
    await using server = await startEurekaServer({
      tls: { key: key!, cert: cert!, ca: ca!, requestCert: true },
    });
    expect(server.url).toBe(`https://127.0.0.1:${server.port}/eureka/`);
    const url = `${server.url}apps`;
    expect(await httpsStatus(url, { ca, key: clientKey, cert: clientCert })).toBe(200);
    await expect(httpsStatus(url, { ca })).rejects.toThrow();
    await expect(httpsStatus(url, { key: clientKey, cert: clientCert })).rejects.toThrow();
  });
});

async function httpsStatus(url: string, tls: object): Promise<number | undefined> {
  const call = request(url, { ...tls, agent: false });
  call.end();
  const [response] = (await once(call, "response")) as [IncomingMessage];
  response.resume();
  await once(response, "end");
  return response.statusCode;
}

async function rawGet(
  url: URL,
  headers: Record<string, string>,
): Promise<{ encoding: string | undefined; body: Buffer }> {
  const call = get(url, { agent: false, headers: { accept: "application/json", ...headers } });
  const [response] = (await once(call, "response")) as [IncomingMessage];
  const chunks: Buffer[] = [];
  for await (const chunk of response) chunks.push(chunk as Buffer);
  return { encoding: response.headers["content-encoding"], body: Buffer.concat(chunks) };
}

import { once } from "node:events";
import { writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, createServer as createHttps, request } from "node:https";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { connect, type TLSSocket } from "node:tls";

import { memoryBackend } from "@rollcall/core";
import { createAuthority, type IssuedCertificate } from "@rollcall/testbed";
import { pino } from "pino";
import { describe, expect, onTestFinished, test } from "vitest";

import { loadConfig, startGateway } from "../src/index.ts";
import { runGateway } from "../src/run.ts";
import { testDirectory } from "./config-file.ts";
import {
  type Answer,
  echoNode,
  gatewayUnderTest,
  inMemory,
  put,
  send,
  until,
} from "./gateway-under-test.ts";

const authority = createAuthority();
const shop = authority.issue("shop", ["shop.example", "*.shop.example"]);
const other = authority.issue("other", ["other.example"]);

/** One GET over TLS. */
async function get(port: number, servername: string): Promise<Answer> {
  const ca = authority.caPem;
  const agent = new Agent({ keepAlive: false });
  const sent = request({ host: "127.0.0.1", port, path: "/x", servername, ca, agent });
  sent.end();
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const { headers, statusCode: status = 0 } = response;
  const text = (await response.setEncoding("utf8").toArray()).join("");
  return { status, headers, text, json: () => JSON.parse(text) as unknown };
}

/** Whose certificate a client is shown; the code of the error when it is shown none. */
async function shown(port: number, servername: string): Promise<string> {
  const socket = connect({ host: "127.0.0.1", port, servername, rejectUnauthorized: false });
  return new Promise((resolve) => {
    socket.once("secureConnect", () => {
      resolve(String(socket.getPeerCertificate().subject.CN));
      socket.destroy();
    });
    socket.once("error", ({ code }: NodeJS.ErrnoException) => resolve(String(code)));
  });
}

/** Writes certificates and keys beside a configuration. */
function pemFiles(directory: string, files: Readonly<Record<string, IssuedCertificate>>): void {
  for (const [name, { certPem, keyPem }] of Object.entries(files)) {
    writeFileSync(join(directory, `${name}.pem`), certPem);
    writeFileSync(join(directory, `${name}.key`), keyPem);
  }
}

const inline = (pem: string): string => JSON.stringify(pem);
const listen = (tls: string): string => `listen: [{ port: 0, tls: ${tls} }]
admin: { port: 0 }
snapshot_dir: off
`;
const pair = ({ certPem, keyPem }: IssuedCertificate, more = ""): string =>
  `{ cert: ${inline(certPem)}, key: ${inline(keyPem)}${more} }`;

describe("listeners", () => {
  test("serve TLS, and say so to nodes", async () => {
    const node = await echoNode("one");
    const routes = `routes: [{ uri: /x, upstream: { nodes: { "127.0.0.1:${node.port}": 1 } } }]\n`;
    const under = await gatewayUnderTest(listen(pair(shop)) + routes);
    const { port } = under.gateway.addresses[0]!;
    const { headers } = (await get(port, "img.shop.example")).json();
    expect(headers).toMatchObject({
      "x-forwarded-proto": "https",
      "x-forwarded-port": String(port),
    });
    expect(await shown(port, "unknown.example")).toBe("shop");
    const { text } = await under.admin("/metrics");
    expect(text).toMatch(/^rollcall_tls_handshakes_total\{result="completed"\} [12]$/m);
    expect(text).toMatch(
      /^rollcall_tls_certificate_not_after_seconds\{name="shop.example"\} \d{10}$/m,
    );
  });

  test("have several certificates, by name", async () => {
    const more = `, sni: [a.example], unknown_sni: refuse, certificates: [${pair(other)}]`;
    const under = await gatewayUnderTest(`${listen(pair(shop, more))}routes: []\n`);
    const { port } = under.gateway.addresses[0]!;
    expect(await shown(port, "a.example")).toBe("shop");
    expect(await shown(port, "other.example")).toBe("other");
    // What is said of a certificate goes before what it says of itself.
    expect(await shown(port, "shop.example")).toMatch(/HANDSHAKE_FAILURE/);
  });

  test("have those of ssls, for their names only", async () => {
    const off = authority.issue("off", ["off.example"]);
    const ssls = [
      `{ id: 1, snis: ["shop.example"], cert: ${inline(shop.certPem)}, key: ${inline(shop.keyPem)}, type: server, status: 1 }`,
      `{ sni: "*.other.example", cert: ${inline(other.certPem)}, key: ${inline(other.keyPem)} }`,
      `{ sni: off.example, cert: ${inline(off.certPem)}, key: ${inline(off.keyPem)}, status: 0 }`,
    ];
    const under = await gatewayUnderTest(
      `${listen("{}")}ssls: [${ssls.join(", ")}]\nroutes: []\n#END\n`,
    );
    const { port } = under.gateway.addresses[0]!;
    expect(await shown(port, "shop.example")).toBe("shop");
    expect(await shown(port, "a.other.example")).toBe("other");
    for (const name of ["other.example", "off.example", "unknown.example", ""]) {
      expect(await shown(port, name)).toMatch(/HANDSHAKE_FAILURE/);
    }
  });
});

describe("reload", () => {
  /** An open connection, and how to ask over it. */
  async function standing(port: number): Promise<() => Promise<string>> {
    const ca = authority.caPem;
    const socket: TLSSocket = connect({ host: "127.0.0.1", port, servername: "shop.example", ca });
    onTestFinished(() => void socket.destroy());
    let received = "";
    socket.on("data", (bytes) => (received += bytes.toString()));
    return async () => {
      received = "";
      socket.write("GET /nowhere HTTP/1.1\r\nHost: a\r\n\r\n");
      await until(() => received.trimEnd().endsWith("}"), "the answer");
      return received.slice(9, 12);
    };
  }

  test("new certificates are for new connections; those that stand go on", async () => {
    const under = await gatewayUnderTest(`${listen(pair(shop))}routes: []\n`);
    const { port } = under.gateway.addresses[0]!;
    const ask = await standing(port);
    expect(await ask()).toBe("404");
    await under.gateway.reload(under.config(`${listen(pair(other))}routes: []\n`));
    expect(under.gateway.addresses[0]).toMatchObject({ port });
    expect(await shown(port, "shop.example")).toBe("other");
    expect(await ask()).toBe("404");
    await under.gateway.reload(under.config(`listen: [{ port: 0 }]\nroutes: []\n`));
    expect((await send(port, "/nowhere")).status).toBe(404);
    expect(await ask()).toBe("404");
  });

  test("a certificate that is renewed on disk is taken by itself; one without its key is not", async () => {
    const directory = testDirectory();
    pemFiles(directory, { site: shop });
    const configFile = join(directory, "gateway.yaml");
    writeFileSync(
      configFile,
      "listen: [{ port: 0, tls: { cert: site.pem, key: site.key } }]\nsnapshot_dir: off\nroutes: []\n",
    );
    const lines: string[] = [];
    const log = pino({ base: null }, { write: (line: string) => void lines.push(line) });
    const source = { configFile, environment: {} };
    const running = await runGateway(source, loadConfig(source), {
      log,
      onAccess: undefined,
      registries: inMemory(() => expect.fail()),
    });
    onTestFinished(() => running.stop());
    const { port } = running.gateway.addresses[0]!;
    expect(lines.join("")).toContain(`https://127.0.0.1:${port}`);
    const ask = await standing(port);
    writeFileSync(join(directory, "site.pem"), other.certPem);
    await until(() => lines.join("").includes("nothing changed"), "the refusal");
    expect(lines.join("")).toContain("listen[0].tls.key does not fit the certificate");
    expect(await shown(port, "shop.example")).toBe("shop");
    writeFileSync(join(directory, "site.key"), other.keyPem);
    await until(async () => (await shown(port, "shop.example")) === "other", "the new certificate");
    expect(await ask()).toBe("404");
    expect(lines.join("")).not.toContain("PRIVATE");
  });
});

describe("nodes", () => {
  /** A node that speaks TLS and wants to know who asks. */
  async function secureNode(name: string): Promise<number> {
    const { certPem: cert, keyPem: key } = authority.issue(name, [name, "127.0.0.1"]);
    const tls = { cert, key, ca: authority.caPem, requestCert: true, rejectUnauthorized: false };
    const server = createHttps(tls, (incoming, response) => {
      const socket = incoming.socket as TLSSocket & { readonly servername: string | false };
      const { subject } = socket.getPeerCertificate();
      response.end(JSON.stringify({ client: subject?.CN, sni: socket.servername }));
    });
    await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
    onTestFinished(async () => {
      server.closeAllConnections();
      await new Promise((resolve) => server.close(resolve));
    });
    return (server.address() as AddressInfo).port;
  }

  test("tls of an upstream: ca, client certificate, name, verify", async () => {
    const port = await secureNode("node.example");
    const ca = `ca: ${inline(authority.caPem)}`;
    const { certPem, keyPem } = authority.issue("gateway");
    const client = `client_cert: ${inline(certPem)}, client_key: ${inline(keyPem)}`;
    const upstream = (tls: string): string =>
      `upstream: { scheme: https, nodes: { "127.0.0.1:${port}": 1 }${tls} }`;
    const under = await gatewayUnderTest(`routes:
  - { id: none, uri: /none, ${upstream("")} }
  - { id: ca, uri: /ca, ${upstream(`, tls: { ${ca} }`)} }
  - { id: client, uri: /client, ${upstream(`, tls: { ${ca}, ${client} }`)} }
  - { id: name, uri: /name, ${upstream(`, tls: { ${ca}, server_name: node.example }`)} }
  - { id: wrong, uri: /wrong, ${upstream(`, tls: { ${ca}, server_name: other.example }`)} }
  - { id: off, uri: /off, ${upstream(", tls: { verify: false }")} }
`);
    const asked = async (target: string): Promise<unknown> => {
      const answer = await under.get(target);
      return answer.status === 200 ? answer.json() : answer.status;
    };
    expect(await asked("/none")).toBe(502);
    expect(await asked("/ca")).toEqual({ sni: false });
    expect(await asked("/client")).toEqual({ client: "gateway", sni: false });
    expect(await asked("/ca")).toEqual({ sni: false });
    expect(await asked("/name")).toEqual({ sni: "node.example" });
    expect(await asked("/wrong")).toBe(502);
    expect(await asked("/off")).toEqual({ sni: false });
    // What is shown of them holds no key.
    const written = await under.admin("/v1/routes");
    expect(written.text).toContain("BEGIN CERTIFICATE");
    expect(written.text).not.toContain("PRIVATE");
    expect(JSON.stringify((await under.admin("/v1/route/client")).json())).toContain(
      '"client_key":"***"',
    );
  });

  test("node_tls is for secure nodes of registries, and for upstreams that say nothing else", async () => {
    const port = await secureNode("node.example");
    const backend = memoryBackend();
    put(backend, "SECURE", port, { secure: true, hostname: "node.example" });
    const { certPem, keyPem } = authority.issue("gateway");
    const strange = createAuthority().caPem;
    const under = await gatewayUnderTest(
      `node_tls: { ca: ${inline(authority.caPem)}, client_cert: ${inline(certPem)}, client_key: ${inline(keyPem)} }
routes:
  - { uri: /found, upstream: { service_name: SECURE } }
  - { uri: /fixed, upstream: { scheme: https, nodes: { "127.0.0.1:${port}": 1 } } }
  - { uri: /own, upstream: { scheme: https, nodes: { "127.0.0.1:${port}": 1 }, tls: { ca: ${inline(strange)} } } }
`,
      backend,
    );
    expect((await under.get("/found")).json()).toEqual({ client: "gateway", sni: "node.example" });
    expect((await under.get("/fixed")).json()).toEqual({ client: "gateway", sni: false });
    expect((await under.get("/own")).status).toBe(502);
  });
});

test("startGateway and everything it opened end with it, handshakes under way too", async () => {
  const directory = testDirectory();
  const configFile = join(directory, "gateway.yaml");
  writeFileSync(configFile, `${listen(pair(shop))}routes: []\n`);
  const { config } = loadConfig({ configFile, environment: {} });
  const gateway = await startGateway(config!, { registries: inMemory(() => expect.fail()) });
  const { port } = gateway.addresses[0]!;
  expect(await shown(port, "shop.example")).toBe("shop");
  await gateway.close();
  expect(await shown(port, "shop.example")).toBe("ECONNREFUSED");
});

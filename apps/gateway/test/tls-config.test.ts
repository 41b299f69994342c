import { writeFileSync } from "node:fs";
import { join } from "node:path";

import { createAuthority } from "@rollcall/testbed";
import { expect, test } from "vitest";

import { formatProblem, loadConfig } from "../src/index.ts";
import { testDirectory } from "./config-file.ts";

const authority = createAuthority();
const good = authority.issue("good", ["good.example"]);
const strange = authority.issue("strange", ["strange.example"]);
const expired = authority.issue("expired", ["expired.example"], -3);
const expiredOn = new Date(Date.now() - 3 * 86_400_000).toISOString().slice(0, 10);

/** All that is said about a configuration, beside which these files lie. */
function said(text: string, routes?: string): readonly string[] {
  const directory = testDirectory();
  const write = (name: string, content: string): void =>
    writeFileSync(join(directory, name), content);
  write("good.pem", good.certPem);
  write("good.key", good.keyPem);
  write("strange.key", strange.keyPem);
  write("expired.pem", expired.certPem);
  write("expired.key", expired.keyPem);
  write("bad.pem", "-----BEGIN CERTIFICATE-----\nbm9uc2Vuc2U=\n-----END CERTIFICATE-----\n");
  write("bad.key", "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n");
  write("text.pem", "hello");
  write("c.yaml", text);
  if (routes !== undefined) write("apisix.yaml", routes);
  const loaded = loadConfig({
    configFile: join(directory, "c.yaml"),
    routesFile: routes === undefined ? undefined : join(directory, "apisix.yaml"),
    environment: {},
  });
  const lines = [...loaded.problems, ...loaded.warnings].map((problem) =>
    formatProblem(problem).replaceAll(`${directory}/`, ""),
  );
  for (const line of lines) expect(line).not.toMatch(/BEGIN|c2VjcmV0|PRIVATE/);
  return lines;
}

const listener = (tls: string): string => `listen: [{ port: 1, tls: ${tls} }]\nroutes: []\n`;
const node = (tls: string): string =>
  `listen: [{ port: 1 }]\nroutes:\n  - { uri: /, upstream: { scheme: https, nodes: { a: 1 }, tls: ${tls} } }\n`;

/** One wrong thing each, and all that is said about it. */
const cases: [what: string, text: string, ...lines: string[]][] = [
  ["nothing", listener("{ cert: good.pem, key: good.key }")],
  ["nothing of a list", listener("{ certificates: [{ cert: good.pem, key: good.key }] }")],
  [
    "no certificate",
    listener("{}"),
    "c.yaml:1:26: listen[0].tls has no certificate; give cert and key, certificates, or ssls at the top level",
  ],
  [
    "a certificate without a key",
    listener("{ cert: good.pem }"),
    "c.yaml:1:26: listen[0].tls.key is missing; cert and key go together",
  ],
  [
    "files that are not there",
    listener("{ cert: none.pem, key: none.key }"),
    "c.yaml:1:34: listen[0].tls.cert: the file cannot be read (ENOENT)",
    "c.yaml:1:49: listen[0].tls.key: the file cannot be read (ENOENT)",
  ],
  [
    "files that hold something else",
    listener("{ cert: text.pem, key: good.key }"),
    "c.yaml:1:34: listen[0].tls.cert: the file holds no PEM text",
  ],
  [
    "PEM that is none",
    listener("{ cert: bad.pem, key: bad.key }"),
    "c.yaml:1:34: listen[0].tls.cert holds no certificate that can be read; it must be PEM",
    "c.yaml:1:48: listen[0].tls.key holds no private key that can be read; it must be PEM, without a passphrase",
  ],
  [
    "a key in the place of the certificate",
    listener("{ cert: good.key, key: good.key }"),
    "c.yaml:1:34: listen[0].tls.cert holds no certificate that can be read; it must be PEM",
  ],
  [
    "a key of another certificate",
    listener("{ certificates: [{ cert: good.pem, key: strange.key }] }"),
    "c.yaml:1:66: listen[0].tls.certificates[0].key does not fit the certificate in listen[0].tls.certificates[0].cert",
  ],
  [
    "an expired certificate",
    listener("{ cert: expired.pem, key: expired.key }"),
    `c.yaml:1:34: listen[0].tls.cert: the certificate expired on ${expiredOn}; renew it`,
  ],
  [
    "a name twice",
    listener(
      "{ cert: good.pem, key: good.key, sni: [a.example], certificates: [{ cert: good.pem, key: good.key, sni: [A.example] }] }",
    ),
    'c.yaml:1:92: listen[0].tls.certificates[0]: the name "A.example" is taken by listen[0].tls (c.yaml:1)',
  ],
  [
    "a name that is none",
    listener('{ cert: good.pem, key: good.key, sni: ["a.*.example"] }'),
    'c.yaml:1:65: listen[0].tls.sni[0] must be a host name such as shop.example.com or *.example.com, got "a.*.example"',
  ],
  [
    "a client certificate without its key",
    node("{ client_cert: good.pem }"),
    "c.yaml:3:64: routes[0].upstream.tls needs client_cert and client_key together",
  ],
  [
    "a client key of another certificate, and an authority that is not there",
    node("{ ca: none.pem, client_cert: good.pem, client_key: strange.key }"),
    "c.yaml:3:70: routes[0].upstream.tls.ca: the file cannot be read (ENOENT)",
    "c.yaml:3:115: routes[0].upstream.tls.client_key does not fit the certificate in routes[0].upstream.tls.client_cert",
  ],
  [
    "what APISIX has besides",
    node("{ client_cert_id: 1 }"),
    "c.yaml:3:66: routes[0].upstream.tls.client_cert_id is not supported in this version",
  ],
  [
    "no verification",
    node("{ verify: false }"),
    "c.yaml:3:74: routes[0].upstream.tls.verify is off: whoever stands between the gateway and a node can read and change everything; give ca instead",
  ],
  [
    "TLS for nodes that do not speak it",
    node("{ server_name: a }").replace("scheme: https, ", ""),
    "c.yaml:3:44: routes[0].upstream.tls is not used: it needs scheme: https",
  ],
  [
    "node_tls with the name of one node",
    "listen: [{ port: 1 }]\nnode_tls: { server_name: a }\nroutes: []\n",
    "c.yaml:2:13: node_tls.server_name is not a known key; known here: ca, client_cert, client_key, verify",
  ],
];

test.each(cases)("%s", (_what, text, ...lines) => {
  expect(said(text)).toEqual(lines);
});

test("a key that is pasted as it should not be is not shown", () => {
  const body = good.keyPem.split("\n").slice(1, -2).join("\n");
  const lines = said(listener(`{ cert: good.pem, key: ${JSON.stringify(body)} }`));
  expect(lines).toEqual([
    "c.yaml:1:49: listen[0].tls.key: is neither PEM text nor the path of a PEM file",
  ]);
});

test("ssls of apisix.yaml", () => {
  const pair = `cert: ${JSON.stringify(good.certPem)}, key: ${JSON.stringify(good.keyPem)}`;
  const main = "listen: [{ port: 1, tls: {} }]\n";
  expect(said(main, `routes: []\nssls: [{ snis: [a.example], ${pair} }]\n#END\n`)).toEqual([]);
  expect(said(main, `routes: []\nssls: [{ snis: [a], ${pair}, client: { ca: x } }]\n`)).toEqual([
    expect.stringMatching(
      /^apisix\.yaml:2:\d+: ssls\[0\]\.client is not supported in this version$/,
    ) as string,
  ]);
  expect(said(main, `routes: []\nssls: [{ ${pair} }]\n`)).toEqual([
    "apisix.yaml:2:8: ssls[0] needs snis: the names it is for",
  ]);
  expect(said("listen: [{ port: 1 }]\n", `routes: []\nssls: [{ snis: [a], ${pair} }]\n`)).toEqual([
    "apisix.yaml:2:1: ssls is not used: no address of listen has tls, such as tls: {}",
  ]);
  expect(said(main, `routes: []\nssls: [{ snis: [a], ${pair} }, { sni: a, ${pair} }]\n`)).toEqual([
    expect.stringMatching(
      /^apisix\.yaml:2:\d+: ssls\[1\]: the name "a" is taken by ssls\[0\] \(apisix\.yaml:2\)$/,
    ) as string,
  ]);
});

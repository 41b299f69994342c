import { readFile } from "node:fs/promises";

import { describe, expect, test } from "vitest";

import { startEurekaServer } from "../src/index.ts";
import { registration } from "./client.ts";
import { ManualClock } from "./manual-clock.ts";

interface Exchange {
  readonly name: string;
  readonly method: string;
  readonly path: string;
  readonly headers: Record<string, string>;
  readonly body?: string;
  readonly status: number;
  readonly type?: string;
  readonly answer?: string;
}

const fixture = new URL("fixtures/spring-cloud-eureka-2025.0.1.json", import.meta.url);
const { exchanges } = JSON.parse(await readFile(fixture, "utf8")) as { exchanges: Exchange[] };

/** Where this server answers otherwise than the real one, and why. */
const deviations: Readonly<Record<string, { status: number; because: string }>> = {
  "83-register-xml": { status: 415, because: "registrations are JSON only" },
  "109-status-page": { status: 404, because: "there is no status page to fail" },
  "110-odd-meta-nested": {
    status: 400,
    because: "nested metadata is refused, where the real server garbles it",
  },
};

// The instance that each of these would have left behind, so that what follows can be compared.
const substitutes: Readonly<Record<string, { app: string; body: string }>> = {
  "83-register-xml": {
    app: "XMLAPP",
    body: registration("XMLAPP", "xml-1", {
      hostName: "127.0.0.1",
      port: { $: 8085, "@enabled": "true" },
      securePort: { $: 443, "@enabled": "false" },
      vipAddress: "xmlapp",
      metadata: { zone: "z1" },
    }),
  },
  "110-odd-meta-nested": {
    app: "ODD",
    body: registration("ODD", "o1", {
      hostName: "127.0.0.1",
      vipAddress: "odd",
      metadata: { a: "1", nested: "{" },
    }),
  },
};

describe("the exchanges captured from a real server are answered alike", async () => {
  // The moment of the first registration, which timestamps in later requests refer to.
  const clock = new ManualClock(1_795_357_368_834);
  const server = await startEurekaServer({ clock });
  const origin = new URL(server.url).origin;

  for (const exchange of exchanges) {
    const deviation = deviations[exchange.name];
    const title =
      deviation === undefined ? exchange.name : `${exchange.name}: ${deviation.because}`;
    test(title, async () => {
      const response = await fetch(origin + exchange.path, {
        method: exchange.method,
        headers: exchange.headers,
        ...(exchange.body !== undefined && { body: exchange.body }),
      });
      const text = await response.text();
      const substitute = substitutes[exchange.name];
      if (substitute !== undefined) {
        await fetch(`${origin}/eureka/apps/${substitute.app}`, {
          method: "POST",
          headers: { "content-type": "application/json" },
          body: substitute.body,
        });
      }
      expect(response.status).toBe(deviation?.status ?? exchange.status);
      if (deviation !== undefined || exchange.type?.startsWith("text/html")) return;
      expect(response.headers.get("content-type")).toBe(exchange.type ?? null);
      expect(comparable(text)).toEqual(comparable(exchange.answer ?? ""));
    });
  }

  test("and the server stops", async () => {
    await server.close();
    expect(clock.pending).toBe(0);
  });
});

// Instants differ, whether there is one does not; the order of applications, instances and metadata is
// that of Java's hash maps; XML has no spelling for some metadata, so that is left out there.
function comparable(text: string): unknown {
  if (text.startsWith("<")) {
    return text
      .replace(/<metadata>[^]*?<\/metadata>/g, "<metadata/>")
      .replace(/<metadata class="[^"]*"\/>/g, "<metadata/>")
      .replace(/>[1-9]\d{12}</g, ">INSTANT<")
      .split(/(?=<application>)|(?=<instance>)/)
      .map((part) => part.replace(/\s+/g, " ").replace(/( <\/\w+>)+ ?$/, ""))
      .toSorted();
  }
  if (!text.startsWith("{")) return text;
  return JSON.parse(text, (key, value: unknown) => {
    if (key === "timestamp") return "INSTANT";
    if (key === "message") return undefined;
    if (key.endsWith("Timestamp") && Number(value) > 0) return `${typeof value} INSTANT`;
    return Array.isArray(value) ? value.toSorted(byName) : value;
  });
}

function byName(a: unknown, b: unknown): number {
  const [left, right] = [a, b].map((item) => {
    const { name, instanceId, hostName } = item as Record<string, string>;
    return name ?? instanceId ?? hostName ?? "";
  });
  return left! < right! ? -1 : 1;
}

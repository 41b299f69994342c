import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { parseXml, XmlError } from "../src/xml.ts";

describe("reading XML", () => {
  test("an instance has the shape of its JSON", () => {
    const xml = `<?xml version="1.0"?><!-- c --><instance>
      <instanceId>a&amp;b</instanceId><overriddenstatus>UP</overriddenstatus>
      <port enabled="true"> 8080 </port><securePort enabled='false'>443</securePort>
      <dataCenterInfo class="x"><name>Amazon</name><metadata><availability-zone>z</availability-zone></metadata></dataCenterInfo>
      <metadata><a__b>1</a__b><sp_.0020ace>&lt;&#65;&#x42;&gt;</sp_.0020ace><d_-ollar><![CDATA[<x>]]></d_-ollar><>empty key</><none/></metadata>
    </instance>`;
    const { instance } = parseXml(xml);
    expect(instance).toEqual({
      instanceId: "a&b",
      overriddenstatus: "UP",
      port: { $: "8080", "@enabled": "true" },
      securePort: { $: "443", "@enabled": "false" },
      dataCenterInfo: { name: "Amazon", metadata: { "availability-zone": "z" } },
      metadata: {
        a_b: "1",
        "sp ace": "<AB>",
        d$ollar: "<x>",
        "": "empty key",
        none: "",
      },
    });
  });

  test("one application or instance is a list all the same", () => {
    expect(
      parseXml("<applications><application><name>A</name><instance/></application></applications>"),
    ).toEqual({
      applications: { application: [{ name: "A", instance: [{}] }] },
    });
    expect(parseXml("<applications/>")).toEqual({ applications: { application: [] } });
  });

  test.each([
    ["a page", "<html><body>hello</body></html>"],
    ["a document type", '<!DOCTYPE a [<!ENTITY x "y">]><applications/>'],
    ["a cut-off document", "<applications><application><name>A</name>"],
    ["a stray end", "<applications></application></applications>"],
    ["two roots", "<applications/><applications/>"],
    ["text around", "<applications/>x"],
    ["a broken tag", "<applications"],
    ["nothing", "   "],
    ["depth", "<instance>".repeat(1_000)],
  ])("%s is refused", (_, xml) => {
    expect(() => parseXml(xml)).toThrow(XmlError);
  });

  test("entities of one's own do not expand", () => {
    const { instance } = parseXml("<instance><app>&lol9;</app></instance>");
    expect(instance).toEqual({ app: "&lol9;" });
  });

  test("any text gives a document or an XmlError", () => {
    const piece = fc.constantFrom(
      "<",
      ">",
      "/",
      "a",
      "instance",
      "applications",
      " ",
      '"',
      "=",
      "&",
      "&#",
      ";",
      "<!--",
      "-->",
      "<![CDATA[",
      "]]>",
      "<instance>",
      "</instance>",
      "<?",
      "?>",
    );
    fc.assert(
      fc.property(fc.array(piece, { maxLength: 30 }), (pieces) => {
        try {
          parseXml(pieces.join(""));
        } catch (error) {
          expect(error).toBeInstanceOf(XmlError);
        }
      }),
      { numRuns: 2_000 },
    );
  });
});

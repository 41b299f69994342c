import type { ApplicationDocument, ReadDocument } from "./document.ts";
import type { JsonObject } from "./instance-json.ts";

/** Writes a document as the real server's XML does, which is derived from the same fields as the JSON. */
export function toXml(document: ReadDocument): string {
  const lines: string[] = [];
  switch (document.kind) {
    case "applications":
      lines.push(
        "<applications>",
        `  ${element("versions__delta", document.version)}`,
        `  ${element("apps__hashcode", document.hashCode)}`,
      );
      for (const application of document.applications) {
        writeApplication(lines, "  ", application);
      }
      lines.push("</applications>");
      break;
    case "application":
      writeApplication(lines, "", document);
      break;
    case "instance":
      writeFields(lines, "", "instance", document.instance);
  }
  return lines.join("\n");
}

function writeApplication(lines: string[], indent: string, document: ApplicationDocument): void {
  lines.push(`${indent}<application>`, `${indent}  ${element("name", document.name)}`);
  for (const instance of document.instances) {
    writeFields(lines, `${indent}  `, "instance", instance);
  }
  lines.push(`${indent}</application>`);
}

function writeFields(lines: string[], indent: string, tag: string, fields: JsonObject): void {
  const isMetadata = tag === "metadata";
  const className = fields["@class"];
  const open = className === undefined ? tag : `${tag} class="${escapeText(text(className))}"`;
  const entries = Object.entries(fields).filter(
    ([key, value]) => value !== undefined && key !== "@class" && key !== "",
  );
  if (entries.length === 0) {
    lines.push(`${indent}<${open}/>`);
    return;
  }
  lines.push(`${indent}<${open}>`);
  for (const [key, value] of entries) {
    const name = isMetadata ? escapeName(key) : (renamed.get(key) ?? key);
    const inner = `${indent}  `;
    if (key === "port" || key === "securePort") lines.push(`${inner}${port(key, value)}`);
    else if (isObject(value)) writeFields(lines, inner, name, value);
    else lines.push(`${inner}${element(name, text(value))}`);
  }
  lines.push(`${indent}</${tag}>`);
}

// The two formats spell this one differently.
const renamed: ReadonlyMap<string, string> = new Map([["overriddenStatus", "overriddenstatus"]]);

function port(name: string, value: unknown): string {
  // Metadata may hold a key of that name.
  if (!isObject(value)) return element(name, text(value));
  const enabled = escapeText(text(value["@enabled"]));
  return `<${name} enabled="${enabled}">${escapeText(text(value["$"]))}</${name}>`;
}

function element(name: string, value: string): string {
  return `<${name}>${escapeText(value)}</${name}>`;
}

function isObject(value: unknown): value is JsonObject {
  return typeof value === "object" && value !== null;
}

function text(value: unknown): string {
  return typeof value === "string" ? value : String(value);
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&apos;",
  "\r": "&#xd;",
};

// XML 1.0 has no spelling for the other control characters, nor for half a surrogate pair.
function escapeText(value: string): string {
  return value
    .toWellFormed()
    .replace(/[\u0000-\u0008\u000b\u000c\u000e-\u001f\ufffe\uffff]/g, "\ufffd")
    .replace(/[&<>"'\r]/g, (character) => entities[character] ?? character);
}

// XStream's spelling of keys that are no XML name: `_` doubled, `$` as `_-`, the rest as UTF-16 code units.
function escapeName(key: string): string {
  let name = "";
  for (let index = 0; index < key.length; index += 1) {
    const character = key.charAt(index);
    if (character === "_") name += "__";
    else if (character === "$") name += "_-";
    else if ((index === 0 ? nameStart : nameCharacter).test(character)) name += character;
    else name += `_.${character.charCodeAt(0).toString(16).padStart(4, "0")}`;
  }
  return name;
}

// NameStartChar and NameChar of XML 1.0 §2.3, without the colon and what lies beyond 16 bits.
const nameStart =
  /[A-Za-z\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u02ff\u0370-\u037d\u037f-\u1fff\u200c-\u200d\u2070-\u218f\u2c00-\u2fef\u3001-\ud7ff\uf900-\ufdcf\ufdf0-\ufffd]/;
const nameCharacter = new RegExp(
  `${nameStart.source.slice(0, -1)}\\-.0-9\u00b7\u0300-\u036f\u203f\u2040]`,
);

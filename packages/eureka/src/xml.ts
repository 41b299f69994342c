/** An element as read: attributes, text, and children in order. */
interface Element {
  readonly name: string;
  readonly attributes: ReadonlyMap<string, string>;
  readonly children: Element[];
  text: string;
}

/** Not the XML that Eureka writes; the message quotes nothing of it. */
export class XmlError extends Error {
  override readonly name = "XmlError";
}

const maxDepth = 16;
// Names are loose on purpose: real servers write metadata keys such as the empty one as they are.
const token =
  /<!--[\s\S]*?-->|<\?[\s\S]*?\?>|<!\[CDATA\[([\s\S]*?)\]\]>|<\/([^\s<>/]*)\s*>|<([^\s<>/!?]*)((?:\s+[^\s<>/=]+\s*=\s*(?:"[^"<]*"|'[^'<]*'))*)\s*(\/?)>|([^<]+)/gy;

/**
 * Reads Eureka's XML into the shape of its JSON: `application` and `instance` become arrays, attributes of
 * a port `@enabled`, texts strings.
 *
 * Knows no document types and no entities but the predefined ones, so it cannot be made to expand
 * anything; depth is bounded here, size by the body.
 *
 * @throws {@link XmlError}
 */
export function parseXml(text: string): Record<string, unknown> {
  const root = parseTree(text);
  switch (root.name) {
    case "applications":
      return { applications: applications(root) };
    case "application":
      return { application: application(root) };
    case "instance":
      return { instance: instance(root) };
    default:
      throw new XmlError("the root is no element of Eureka's");
  }
}

function parseTree(text: string): Element {
  const top: Element = { name: "", attributes: new Map(), children: [], text: "" };
  const open: Element[] = [top];
  token.lastIndex = 0;
  while (token.lastIndex < text.length) {
    const match = token.exec(text);
    if (match === null) throw new XmlError("the markup is broken");
    const [, cdata, closing, name, attributes = "", selfClosing, chars] = match;
    const current = open.at(-1) ?? top;
    if (cdata !== undefined) current.text += cdata;
    else if (chars !== undefined) current.text += unescapeText(chars);
    else if (closing !== undefined) {
      if (open.length === 1 || current.name !== closing) throw new XmlError("an end tag is astray");
      open.pop();
    } else if (name !== undefined) {
      const element: Element = {
        name,
        attributes: parseAttributes(attributes),
        children: [],
        text: "",
      };
      current.children.push(element);
      if (selfClosing !== "/") open.push(element);
      if (open.length > maxDepth) throw new XmlError("elements are nested too deep");
    }
  }
  const [root] = top.children;
  if (open.length > 1 || root === undefined || top.children.length > 1 || top.text.trim() !== "") {
    throw new XmlError("the document is not complete");
  }
  return root;
}

function parseAttributes(text: string): ReadonlyMap<string, string> {
  const attributes = new Map<string, string>();
  for (const [, name = "", double, single] of text.matchAll(
    /([^\s=]+)\s*=\s*(?:"([^"]*)"|'([^']*)')/g,
  )) {
    attributes.set(name, unescapeText(double ?? single ?? ""));
  }
  return attributes;
}

const predefined: ReadonlyMap<string, string> = new Map([
  ["lt", "<"],
  ["gt", ">"],
  ["amp", "&"],
  ["quot", '"'],
  ["apos", "'"],
]);

function unescapeText(text: string): string {
  if (!text.includes("&")) return text;
  return text.replaceAll(
    /&(?:#x([\da-fA-F]{1,6})|#(\d{1,7})|(\w{1,8}));/g,
    (all, hex, decimal, name) => {
      if (name !== undefined) return predefined.get(String(name)) ?? all;
      const code = hex === undefined ? Number(decimal) : Number.parseInt(String(hex), 16);
      return code <= 0x10_ff_ff ? String.fromCodePoint(code) : "\ufffd";
    },
  );
}

function applications(element: Element): Record<string, unknown> {
  return {
    ...fields(element, (child) => child.text),
    application: named(element, "application").map(application),
  };
}

function application(element: Element): Record<string, unknown> {
  return {
    ...fields(element, (child) => child.text),
    instance: named(element, "instance").map(instance),
  };
}

function instance(element: Element): Record<string, unknown> {
  return fields(element, (child) => {
    switch (child.name) {
      case "port":
      case "securePort":
        return { $: child.text.trim(), "@enabled": child.attributes.get("enabled") };
      case "metadata":
        return metadata(child);
      case "dataCenterInfo":
        return fields(child, (one) => (one.name === "metadata" ? metadata(one) : one.text.trim()));
      case "leaseInfo":
        return fields(child, (one) => one.text.trim());
      default:
        return child.text;
    }
  });
}

function fields(element: Element, value: (child: Element) => unknown): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  for (const child of element.children) result[child.name] = value(child);
  return result;
}

function metadata(element: Element): Record<string, unknown> {
  const result = Object.create(null) as Record<string, unknown>;
  for (const child of element.children) result[unescapeName(child.name)] = child.text;
  return result;
}

function named(element: Element, name: string): Element[] {
  return element.children.filter((child) => child.name === name);
}

/** Element names come escaped: `__` is `_`, `_-` is `$`, `_.0020` the character of that code unit. */
function unescapeName(name: string): string {
  return name.replaceAll(/__|_-|_\.([\da-fA-F]{4})/g, (all, hex) =>
    all === "__" ? "_" : all === "_-" ? "$" : String.fromCharCode(Number.parseInt(String(hex), 16)),
  );
}

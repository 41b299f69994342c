import { BodyError } from "./body.ts";
import { isRecord } from "./record.ts";
import { parseXml } from "./xml.ts";

/**
 * Reads an answer's body, JSON or XML, into one JSON-shaped document.
 *
 * @throws {@link BodyError} for anything else; the message quotes nothing of it.
 */
export function parseDocument(
  body: Buffer,
  contentType: string | undefined,
): Record<string, unknown> {
  const text = body.toString("utf8").trimStart();
  if (text === "") throw new BodyError("the answer is empty");
  // Servers behind proxies sometimes label one as the other: the first character does not lie.
  if (text.startsWith("<")) {
    const kind = contentType?.split(";", 1)[0]?.trim() ?? "unlabelled";
    try {
      return parseXml(text);
    } catch (cause) {
      throw new BodyError(`the answer is neither JSON nor Eureka's XML (${kind.slice(0, 40)})`, {
        cause,
      });
    }
  }
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    // The engine's own message quotes the text.
    throw new BodyError("the answer is not valid JSON");
  }
  if (!isRecord(parsed)) throw new BodyError("the answer is JSON, but not an object");
  return parsed;
}

import type { ReceivedHead, Testimony } from "../http1/received-head.ts";
import { isHost } from "../http1/request-target.ts";
import { addressIn } from "./address.ts";
import { type ForwardedElement, forwardedElements } from "./forwarded-elements.ts";
import type { TrustedProxies } from "./trusted-proxies.ts";

/**
 * What a trusted proxy says of a request, by X-Forwarded-* or by Forwarded, never by both: a proxy that keeps
 * one of them may well pass on what a client wrote into the other.
 *
 * Who wrote what is known from the right only: the nearest proxy names who asked it, and the next word is
 * believed only if that is a trusted one as well.
 *
 * @param peer  Who connected to us; a trusted proxy.
 */
export function testimonyOf(head: ReceivedHead, peer: string, trusted: TrustedProxies): Testimony {
  const { fields } = trusted;
  if (fields === "x-forwarded" || (fields === "either" && hasOld(head))) {
    return byOldFields(head, peer, trusted);
  }
  const text = head.all("forwarded");
  const elements = text === "" ? undefined : forwardedElements(text);
  if (elements !== undefined && elements.length > 0)
    return byForwarded(text, elements, peer, trusted);
  return { ...nothing, clientAddress: peer, forwardedFor: head.forwardedFor };
}

const nothing = { proto: undefined, host: undefined, port: undefined, forwarded: "" };

const oldNames = ["x-forwarded-for", "x-forwarded-proto", "x-forwarded-host", "x-forwarded-port"];

function hasOld(head: ReceivedHead): boolean {
  return head.forwardedFor !== "" || oldNames.some((name) => head.header(name) !== undefined);
}

function byOldFields(head: ReceivedHead, peer: string, trusted: TrustedProxies): Testimony {
  const { forwardedFor } = head;
  return {
    clientAddress: clientIn(forwardedFor, peer, trusted),
    forwardedFor,
    proto: told(head, "x-forwarded-proto", (value) => /^https?$/i.test(value)),
    host: told(head, "x-forwarded-host", isHost),
    port: told(head, "x-forwarded-port", (value) => /^\d{1,5}$/.test(value)),
    forwarded: "",
  };
}

/**
 * The client's address: from the right of X-Forwarded-For, which the nearest proxy wrote, the first that is not a
 * trusted proxy's. When all are, the leftmost; where something is no address, the last that was one.
 */
export function clientIn(chain: string, peer: string, trusted: TrustedProxies): string {
  let client = peer;
  for (let end = chain.length; end > 0 && trusted.trusts(client);) {
    const comma = chain.lastIndexOf(",", end - 1);
    const address = addressIn(chain.slice(comma + 1, end).trim());
    if (address === undefined) break;
    client = address;
    end = comma;
  }
  return client;
}

/** A field that says what it should, once. */
function told(
  head: ReceivedHead,
  name: string,
  isRight: (value: string) => boolean,
): string | undefined {
  const value = head.all(name);
  return value !== "" && isRight(value) ? value : undefined;
}

function byForwarded(
  text: string,
  elements: readonly ForwardedElement[],
  peer: string,
  trusted: TrustedProxies,
): Testimony {
  let clientAddress = peer;
  let forwardedFor = "";
  let first = elements.length;
  while (first > 0 && trusted.trusts(clientAddress)) {
    first -= 1;
    const { address } = elements[first]!;
    if (address === "") break;
    clientAddress = address;
    forwardedFor = forwardedFor === "" ? address : `${address}, ${forwardedFor}`;
  }
  // The proxy that the client spoke to knows best how it did.
  const believed = elements.slice(first);
  const host = believed.find((one) => one.host !== "")?.host;
  const proto = believed.find(({ proto: said }) => said === "http" || said === "https")?.proto;
  return { clientAddress, forwardedFor, proto, host, port: portOf(host, proto), forwarded: text };
}

/** Which port the client asked for: Forwarded has no word of its own for it. */
function portOf(host: string | undefined, proto: string | undefined): string | undefined {
  const port = /:(\d{1,5})$/.exec(host ?? "")?.[1];
  if (port !== undefined || proto === undefined) return port;
  return proto === "https" ? "443" : "80";
}

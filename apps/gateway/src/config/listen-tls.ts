import type { ListenTls, ServerCertificate } from "@rollcall/proxy";

import type { ConfigDocument, Path } from "./document.ts";
import { type PairPlace, readKeyPair } from "./key-pair.ts";
import type { Item, Resolution } from "./resolution.ts";
import { showPath } from "./show-path.ts";
import type { CertificateInput, ListenTlsInput, SslInput } from "./tls-schema.ts";

/** A certificate and where it is written. */
export interface PlacedCertificate {
  readonly certificate: ServerCertificate;
  readonly document: ConfigDocument;
  readonly path: Path;
}

type Said = Pick<Resolution, "problems" | "warnings" | "pem">;

/** The certificates of `ssls` that are switched on. All of them are checked. */
export function resolveSsls(
  ssls: ReadonlyMap<string, Item<SslInput>>,
  said: Said,
): readonly PlacedCertificate[] {
  const found: PlacedCertificate[] = [];
  for (const { document, path, input } of ssls.values()) {
    const both = ["sni", "snis"].filter((key) => document.at([...path, key]) !== undefined);
    if (both.length !== 1) {
      const what = both.length === 0 ? "needs snis: the names it is for" : "has both sni and snis";
      const message = `${showPath(path)} ${what}${both.length === 0 ? "" : "; keep one of them"}`;
      said.problems.push(document.problem([...path, ...both.slice(1)], message));
    }
    const names = input.snis ?? (input.sni === undefined ? undefined : [input.sni]);
    const certificate = certificateAt(document, path, input, names, said);
    if (certificate === undefined || input.status === 0) continue;
    found.push({ certificate, document, path });
  }
  return found;
}

/**
 * Reads the certificates of one listener and puts those of `ssls` behind them.
 *
 * @returns `undefined` when something is wrong; it was told then.
 */
export function resolveListenTls(
  document: ConfigDocument,
  path: Path,
  input: ListenTlsInput,
  ssls: readonly PlacedCertificate[],
  said: Said,
): ListenTls | undefined {
  const own: PlacedCertificate[] = [];
  const add = (at: Path, written: CertificateInput): void => {
    const certificate = certificateAt(document, at, written, written.sni, said);
    if (certificate !== undefined) own.push({ certificate, document, path: at });
  };
  const isInline = ["cert", "key", "sni"].some((key) => document.at([...path, key]) !== undefined);
  if (isInline) add(path, input);
  for (const [index, written] of (input.certificates ?? []).entries()) {
    add([...path, "certificates", index], written);
  }
  const expected = (isInline ? 1 : 0) + (input.certificates?.length ?? 0);
  if (expected === 0 && ssls.length === 0) {
    const message = `${showPath(path)} has no certificate; give cert and key, certificates, or ssls at the top level`;
    said.problems.push(document.problem(path, message));
  }
  const all = [...own, ...ssls];
  refuseDoubles(all, said);
  if (own.length < expected || all.length === 0) return undefined;
  return {
    certificates: all.map(({ certificate }) => certificate),
    // Certificates of ssls are for their names only, as in APISIX.
    unknownNames: own.length === 0 || input.unknown_sni === "refuse" ? "refuse" : "first",
    handshakeTimeoutMs: input.handshake_timeout,
  };
}

function certificateAt(
  document: ConfigDocument,
  path: Path,
  { cert, key }: { readonly cert?: string | undefined; readonly key?: string | undefined },
  names: readonly string[] | undefined,
  { problems, warnings, pem }: Said,
): ServerCertificate | undefined {
  for (const wanted of ["cert", "key"] as const) {
    if (document.at([...path, wanted]) !== undefined) continue;
    const message = `${showPath([...path, wanted])} is missing; cert and key go together`;
    problems.push(document.problem(path, message));
  }
  if (cert === undefined || key === undefined) return undefined;
  const place: PairPlace = {
    cert: showPath([...path, "cert"]),
    key: showPath([...path, "key"]),
    problem: (which, message) => problems.push(document.problem([...path, which], message)),
    warn: (which, message) => warnings.push(document.problem([...path, which], message)),
  };
  const pair = readKeyPair({ cert, key }, place, pem);
  return pair === undefined ? undefined : { ...pair, names };
}

/** A name can have one certificate; what certificates say of themselves does not count. */
function refuseDoubles(all: readonly PlacedCertificate[], { problems }: Said): void {
  const taken = new Map<string, PlacedCertificate>();
  for (const one of all) {
    for (const name of one.certificate.names ?? []) {
      const asked = name.toLowerCase().replace(/\.$/, "");
      const other = taken.get(asked);
      if (other !== undefined) {
        const { line } = other.document.problem(other.path, "");
        const message = `${showPath(one.path)}: the name ${JSON.stringify(name)} is taken by ${showPath(other.path)} (${other.document.file}:${line})`;
        problems.push(one.document.problem(one.path, message));
      }
      taken.set(asked, one);
    }
  }
}

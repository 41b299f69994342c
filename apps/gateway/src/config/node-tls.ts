import type { NodeTls } from "@rollcall/proxy";

import type { ConfigDocument, Path } from "./document.ts";
import { readKeyPair } from "./key-pair.ts";
import type { Resolution } from "./resolution.ts";
import { showPath } from "./show-path.ts";
import type { NodeTlsInput } from "./tls-schema.ts";

/**
 * How TLS is spoken to nodes: what is written at `path`, and where it says nothing, `otherwise`.
 *
 * @returns `otherwise` also when something is wrong; it was told then.
 */
export function resolveNodeTls(
  document: ConfigDocument,
  path: Path,
  input: NodeTlsInput | undefined,
  otherwise: NodeTls | undefined,
  said: Pick<Resolution, "problems" | "warnings" | "pem">,
): NodeTls | undefined {
  if (input === undefined) return otherwise;
  const { problems, warnings, pem } = said;
  const place = (key: string): Path => [...path, key];
  const { client_cert: cert, client_key: key, ca } = input;
  const isWritten = (name: string): boolean => document.at(place(name)) !== undefined;
  if (isWritten("client_cert") !== isWritten("client_key")) {
    const message = `${showPath(path)} needs client_cert and client_key together`;
    problems.push(document.problem(path, message));
  }
  const keyOf = { cert: "client_cert", key: "client_key" } as const;
  const pair =
    cert === undefined || key === undefined
      ? undefined
      : readKeyPair(
          { cert, key },
          {
            cert: showPath(place("client_cert")),
            key: showPath(place("client_key")),
            problem: (which, message) =>
              problems.push(document.problem(place(keyOf[which]), message)),
            warn: (which, message) => warnings.push(document.problem(place(keyOf[which]), message)),
          },
          pem,
        );
  const authority = ca === undefined ? undefined : pem.read(ca);
  if (authority !== undefined && "fault" in authority) {
    problems.push(document.problem(place("ca"), `${showPath(place("ca"))}: ${authority.fault}`));
  }
  if (input.verify === false) {
    const message = `${showPath(place("verify"))} is off: whoever stands between the gateway and a node can read and change everything; give ca instead`;
    warnings.push(document.problem(place("verify"), message));
  }
  return {
    ca: authority !== undefined && "text" in authority ? authority.text : otherwise?.ca,
    cert: pair?.cert ?? otherwise?.cert,
    key: pair?.key ?? otherwise?.key,
    serverName: input.server_name,
    verify: input.verify ?? otherwise?.verify,
  };
}

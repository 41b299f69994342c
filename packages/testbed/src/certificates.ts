import { generateKeyPairSync, type KeyObject, randomBytes, sign } from "node:crypto";
import { isIPv4, isIPv6 } from "node:net";
import { bitString, integer, oid, sequence, tlv, utcTime } from "./der.ts";

const dayMs = 86_400_000;

/** A certificate and its private key, PEM. */
export interface IssuedCertificate {
  readonly certPem: string;
  /** PKCS #8. */
  readonly keyPem: string;
}

/** A certificate authority that lives as long as a test. */
export interface CertificateAuthority {
  readonly caPem: string;
  /**
   * Issues a certificate for servers and clients alike, valid from yesterday.
   *
   * @param name the subject's common name
   * @param hosts DNS names and IPv4 or `::1` addresses it is good for; none by default
   * @param validDays for how many days from now; less than 0: until then. Default 365.
   */
  issue(name: string, hosts?: readonly string[], validDays?: number): IssuedCertificate;
}

const ecdsaWithSha256 = sequence(oid("1.2.840.10045.4.3.2"));

/**
 * Makes a new authority (ECDSA P-256). Made here rather than by openssl or keytool, which a machine may not have.
 * The fields are those of RFC 5280 §4.
 */
export function createAuthority(name = "Rollcall test authority"): CertificateAuthority {
  const { publicKey, privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const issuer = distinguishedName(name);
  const isAuthority = extension("2.5.29.19", sequence(tlv(0x01, Buffer.from([0xff]))), true);
  return {
    caPem: certificate({
      issuer,
      subject: issuer,
      publicKey,
      signer: privateKey,
      extensions: [isAuthority],
    }),
    issue: (subject, hosts = [], validDays) => {
      const own = generateKeyPairSync("ec", { namedCurve: "P-256" });
      const serverAndClient = sequence(oid("1.3.6.1.5.5.7.3.1"), oid("1.3.6.1.5.5.7.3.2"));
      const extensions = [extension("2.5.29.37", serverAndClient)];
      if (hosts.length > 0) {
        extensions.push(extension("2.5.29.17", sequence(...hosts.map(alternativeName))));
      }
      return {
        certPem: certificate({
          issuer,
          subject: distinguishedName(subject),
          publicKey: own.publicKey,
          signer: privateKey,
          extensions,
          validDays,
        }),
        keyPem: own.privateKey.export({ type: "pkcs8", format: "pem" }) as string,
      };
    },
  };
}

function certificate(parts: {
  readonly issuer: Buffer;
  readonly subject: Buffer;
  readonly publicKey: KeyObject;
  readonly signer: KeyObject;
  readonly extensions: readonly Buffer[];
  readonly validDays?: number | undefined;
}): string {
  const now = Date.now();
  const end = now + (parts.validDays ?? 365) * dayMs;
  // A day back: clocks differ, also between a virtual machine and itself.
  const validity = sequence(utcTime(new Date(Math.min(now, end) - dayMs)), utcTime(new Date(end)));
  const signed = sequence(
    tlv(0xa0, integer(Buffer.from([2]))), // version 3
    integer(Buffer.concat([Buffer.from([1]), randomBytes(8)])),
    ecdsaWithSha256,
    parts.issuer,
    validity,
    parts.subject,
    parts.publicKey.export({ type: "spki", format: "der" }),
    tlv(0xa3, sequence(...parts.extensions)),
  );
  const signature = sign("sha256", signed, parts.signer);
  const der = sequence(signed, ecdsaWithSha256, bitString(signature));
  const lines = der.toString("base64").replace(/.{64}/g, "$&\n").trimEnd();
  return `-----BEGIN CERTIFICATE-----\n${lines}\n-----END CERTIFICATE-----\n`;
}

function distinguishedName(name: string): Buffer {
  const commonName = sequence(oid("2.5.4.3"), tlv(0x0c, Buffer.from(name, "utf8")));
  return sequence(tlv(0x31, commonName));
}

function extension(id: string, value: Buffer, critical = false): Buffer {
  const flag = critical ? [tlv(0x01, Buffer.from([0xff]))] : [];
  return sequence(oid(id), ...flag, tlv(0x04, value));
}

function alternativeName(host: string): Buffer {
  if (isIPv4(host)) return tlv(0x87, Buffer.from(host.split(".").map(Number)));
  if (host === "::1") return tlv(0x87, Buffer.concat([Buffer.alloc(15), Buffer.from([1])]));
  if (isIPv6(host))
    throw new Error(`certificates: of IPv6 addresses only ::1 is supported, not ${host}`);
  return tlv(0x82, Buffer.from(host, "latin1"));
}

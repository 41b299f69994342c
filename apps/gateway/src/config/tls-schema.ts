import * as z from "zod";

import { choice, descriptive, flag, integer, objectId, pattern, text } from "./leaf.ts";

/** A certificate of a listener, as written: PEM text or paths relative to the configuration file. */
export interface CertificateInput {
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly sni?: readonly string[] | undefined;
}

/** `listen[].tls` as written: one certificate, a list of them, or both. */
export interface ListenTlsInput extends CertificateInput {
  readonly certificates?: readonly CertificateInput[] | undefined;
  readonly unknown_sni?: "default" | "refuse" | undefined;
  readonly handshake_timeout?: number | undefined;
}

/** One item of `ssls` as written. */
export interface SslInput {
  readonly id?: string | number | undefined;
  readonly sni?: string | undefined;
  readonly snis?: readonly string[] | undefined;
  readonly cert?: string | undefined;
  readonly key?: string | undefined;
  readonly status?: number | undefined;
}

/** `node_tls`, and `tls` of an upstream, as written. */
export interface NodeTlsInput {
  readonly ca?: string | undefined;
  readonly client_cert?: string | undefined;
  readonly client_key?: string | undefined;
  readonly server_name?: string | undefined;
  readonly verify?: boolean | undefined;
}

const pem = z
  .string("must be PEM text or the path of a PEM file")
  .min(1, "must not be empty")
  .optional();

const name = pattern(
  /^(?:\*\.)?[A-Za-z0-9_-]{1,63}(?:\.[A-Za-z0-9_-]{1,63})*\.?$/,
  "must be a host name such as shop.example.com or *.example.com",
);
const names = z.array(name, "must be a list of host names").min(1, "must name at least one host");

const certificate = { cert: pem, key: pem, sni: names.optional() };

/** Shape of {@link ListenTlsInput}. */
export const listenTlsSchema: z.ZodType<ListenTlsInput> = z.strictObject(
  {
    ...certificate,
    certificates: z
      .array(
        z.strictObject(certificate, "must be a map with cert, key and sni"),
        "must be a list of certificates such as [{ cert: a.pem, key: a.key }]",
      )
      .optional(),
    unknown_sni: choice(["default", "refuse"]).optional(),
    handshake_timeout: integer(1, 600_000).optional(),
  },
  "must be a map with cert and key, or with certificates",
);

/** Shape of {@link SslInput}. */
export const sslSchema: z.ZodType<SslInput> = z.strictObject(
  {
    id: objectId.optional(),
    ...descriptive,
    sni: name.optional(),
    snis: names.optional(),
    cert: pem,
    key: pem,
    status: integer(0, 1).optional(),
    type: choice(["server"], ["client"]).optional(),
    validity_start: z.int("must be a whole number").optional(),
    validity_end: z.int("must be a whole number").optional(),
  },
  "must be a map with snis, cert and key",
);

const nodeTls = { ca: pem, client_cert: pem, client_key: pem, verify: flag().optional() };

/** Shape of `node_tls`. */
export const nodeTlsSchema: z.ZodType<Omit<NodeTlsInput, "server_name">> = z.strictObject(
  nodeTls,
  "must be a map with ca, client_cert, client_key or verify",
);

/** Shape of `tls` of an upstream. */
export const upstreamTlsSchema: z.ZodType<NodeTlsInput> = z.strictObject(
  { ...nodeTls, server_name: text(253).optional() },
  "must be a map with ca, client_cert, client_key, server_name or verify",
);

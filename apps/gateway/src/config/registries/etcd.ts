import type { CodecName } from "@rollcall/etcd";
import * as z from "zod";

import { choice, integer, text } from "../leaf.ts";
import { type RegistryKind, registryKind } from "./registry-kind.ts";
import { pathPrefix, serverUrls } from "./server-url.ts";
import { resolveTls, type TlsInput, tlsSchema } from "./tls.ts";

/** One entry of `discovery` with `type: etcd`, as written. */
export interface EtcdInput {
  readonly type?: "etcd" | undefined;
  readonly host: readonly string[];
  readonly prefix?: string | undefined;
  readonly codec?: CodecName | undefined;
  readonly user?: string | undefined;
  readonly password?: string | undefined;
  readonly weight?: number | undefined;
  /** Milliseconds. */
  readonly timeout?:
    | { readonly connect?: number | undefined; readonly read?: number | undefined }
    | undefined;
  readonly tls?: TlsInput | undefined;
}

const milliseconds = integer(1, 3_600_000).optional();

/** etcd, version 3. */
export const etcdKind: RegistryKind = registryKind<EtcdInput>(
  z.strictObject(
    {
      type: choice(["etcd"]).optional(),
      host: serverUrls("http://127.0.0.1:2379"),
      prefix: pathPrefix("/rollcall/").optional(),
      codec: choice(["rollcall", "grpc", "kratos", "go-zero", "kitex"]).optional(),
      user: text(256).optional(),
      password: text(1024).optional(),
      weight: integer(0, 1_000_000_000).optional(),
      timeout: z
        .strictObject(
          { connect: milliseconds, read: milliseconds },
          "must be a map with connect and read, in milliseconds",
        )
        .optional(),
      tls: tlsSchema.optional(),
    },
    "must be a map of keys such as host",
  ),
  (place, input) => {
    if ((input.password === undefined) !== (input.user === undefined)) {
      const [there, missing] =
        input.user === undefined ? ["password", "user"] : ["user", "password"];
      place.problem([there], `${place.show([missing])} is missing; ${there} needs it`);
    }
    const tls = resolveTls(place, input.tls);
    if (!place.isGood || input.host === undefined) return undefined;
    return {
      name: place.name,
      type: "etcd",
      options: {
        hosts: input.host,
        prefix: input.prefix,
        codec: input.codec,
        username: input.user,
        password: input.password,
        weight: input.weight ?? 100,
        timeouts: {
          connectMs: input.timeout?.connect ?? 2000,
          requestMs: input.timeout?.read ?? 5000,
        },
        tls,
      },
    };
  },
);

import type { CertificateAuthority } from "./certificates.ts";
import type { Lane } from "./lane.ts";

/** How a real Consul agent is started. Without options: a server in memory, open to everyone, on HTTP. */
export interface ConsulOptions {
  /** Of the HTTP or HTTPS API. Default: a free one. */
  readonly port?: number | undefined;
  /** Default `dc1`. */
  readonly datacenter?: string | undefined;
  /** Keeps its data on disk, so that it survives a crash. Default `false`: a development agent. */
  readonly durable?: boolean | undefined;
  /** Access control with the default policy "deny". {@link ConsulProcess.token} may do everything. */
  readonly acl?: boolean | undefined;
  /** Serves HTTPS only, with a certificate for 127.0.0.1 and localhost that this authority issued. */
  readonly tls?: ConsulTls | undefined;
  /** Serf addresses of the wide area to join, as {@link ConsulProcess.wanAddress}. Default: none. */
  readonly joinWan?: readonly string[] | undefined;
  /** More configuration in Consul's own terms; its top-level keys win over those set here. */
  readonly settings?: Readonly<Record<string, unknown>> | undefined;
  /** Default: where the run's setup found Consul. */
  readonly lane?: Lane | undefined;
}

/** The HTTPS side of {@link ConsulOptions}. */
export interface ConsulTls {
  readonly authority: CertificateAuthority;
  /** Whether clients must show a certificate of the same authority. Default `false`. */
  readonly clientAuth?: boolean | undefined;
}

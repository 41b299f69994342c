import type { ListenAddress } from "@rollcall/proxy";

/** `host:port`, with brackets where they are needed. */
export function showAddress({ host, port }: ListenAddress): string {
  return host.includes(":") ? `[${host}]:${port}` : `${host}:${port}`;
}

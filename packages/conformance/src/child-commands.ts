import type { NodeInput, RegistrationState } from "@rollcall/core";

/** What a child process needs to know before its first command. */
export interface ChildSetup {
  readonly module: string;
  readonly export: string;
  readonly link: unknown;
  readonly ttlMs: number;
}

/** What the suite asks of a child process; each is answered once. */
export type ChildCommand =
  /** Opens a view and waits for its first snapshot. */
  | { readonly do: "view"; readonly service: string }
  /** Registers and waits until it is accepted. */
  | { readonly do: "register"; readonly node: NodeInput }
  /** Opens a view and registers, and waits for neither. */
  | { readonly do: "attempt"; readonly node: NodeInput }
  | { readonly do: "phase" }
  /** Disposes everything and lets go of the channel: from there the process must end by itself. */
  | { readonly do: "dispose" };

/** A child's answer. */
export interface ChildAnswer {
  readonly error?: string | undefined;
  readonly phase?: RegistrationState["phase"] | undefined;
  /** Active resources that were not there before the first command. */
  readonly leaked?: readonly string[] | undefined;
}

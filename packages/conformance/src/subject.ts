import type { NodeInput, Registry, RegistryTraits, Scope, ServiceNode } from "@rollcall/core";

import type { Faults } from "./faults.ts";
import type { RuleId } from "./rule-id.ts";

/** One adapter with one kind of backend, as the suite sees it. */
export interface Subject {
  /** Shown in the name of the suite: `eureka 2.0.4`. */
  readonly name: string;
  /** The traits every registry of this subject has; `cannot` decides which rules run inverted. */
  readonly traits: RegistryTraits;
  readonly timing: Timing;
  /** A fresh world for one test; it may share a server with others, the suite uses new service names. */
  readonly open: () => Promise<Bed> | Bed;
  /**
   * Abilities the bed does not offer → why. A missing one without a reason fails, and so does a reason
   * for one that is there.
   */
  readonly lacks?: Readonly<Partial<Record<Ability, string>>> | undefined;
  /** Whether the backend tells service `a` from `A`. Default true. */
  readonly caseSensitive?: boolean | undefined;
  /**
   * Names the backend cannot hold, as endings from {@link nameEndings}; the adapter must refuse them
   * with `INVALID` instead of storing something else. Default none.
   */
  readonly refusedEndings?: readonly string[] | undefined;
  /** Two scopes that are kept apart; needed when `traits.scope` is not empty. */
  readonly scopes?: readonly [Scope, Scope] | undefined;
  /** How a process of its own makes the registry; needed unless `lacks.child`. */
  readonly child?: ChildEntry | undefined;
  /** Run only these rules: for a further mode (auth, TLS, cluster) of a backend. Default: all. */
  readonly rules?: readonly RuleId[] | undefined;
  /** Adds the long variants (10⁵ cycles). Default false. */
  readonly long?: boolean | undefined;
}

/** Facts about time. All in ms; bounds are used as deadlines, so be generous. */
export interface Timing {
  /** Shortest practical lease; what the registrations of the suite ask for. */
  readonly ttlMs: number;
  /** Upper bound from a registrant's last heartbeat until the backend has removed its record. */
  readonly expiryMs: number;
  /** Upper bound from a change in the backend until a watching consumer has it. */
  readonly propagationMs: number;
  /** Upper bound until a watch notices that its connection is dead (R13). */
  readonly noticeMs: number;
  /** How long an access token lives; needed unless `lacks.tokens`. */
  readonly tokenMs?: number | undefined;
}

/** What a bed may offer beyond the obligatory. */
export type Ability = "override" | "wipe" | "reset" | "credentials" | "tokens" | "child" | "link";

/** A module that makes the registry in a child process. */
export interface ChildEntry {
  /** `file:` URL of a module Node can run as it is: JavaScript, or TypeScript without emit. */
  readonly module: string;
  /** Name of its export: `(link: unknown) => Registry`, called with {@link Bed.link}. */
  readonly export: string;
}

/** A backend for one test, with faults in front of it and a way in behind the adapter's back. */
export interface Bed extends AsyncDisposable {
  /**
   * A new registry whose every byte passes the faults. The suite disposes it.
   *
   * With `credentials: "wrong"`, one that the backend refuses (ability `credentials`).
   */
  connect(options?: ConnectOptions): Registry;
  readonly faults: Faults;
  readonly raw: Raw;
  /** What the adapter does on the network now and did so far. */
  readonly activity: Activity;
  /**
   * JSON data from which {@link ChildEntry} connects to this bed, through its faults (ability `link`).
   * Undefined when a child cannot share the backend.
   */
  readonly link?: unknown;
}

/** Options of {@link Bed.connect}. */
export interface ConnectOptions {
  readonly credentials?: "wrong" | undefined;
}

/** Counted where the adapter cannot cheat: at the fault proxy. */
export interface Activity {
  /** Connections (or watches) open now. */
  readonly open: number;
  /** Connections (or calls) so far. */
  readonly started: number;
}

/**
 * The backend as its own tools and other people's clients see it, past the adapter and the faults.
 *
 * What is written here has no lease, or one that outlives the test.
 */
export interface Raw {
  /** Stores someone else's record in the backend's native form; replaces one of the same id. */
  put(node: NodeInput & { readonly id: string }): Promise<void>;
  /** Stores one record that cannot become a node, beside what is there. */
  putGarbage(service: string): Promise<void>;
  /** Replaces the record by something the adapter's owner did not write, as a buggy tool would. */
  corrupt(service: string, id: string): Promise<void>;
  /** Removes the record, whoever owns it. */
  remove(service: string, id: string): Promise<void>;
  /** What is stored under the id; undefined when nothing is. */
  stored(service: string, id: string): Promise<RawRecord | undefined>;
  /**
   * Changes a record as an operator does with the registry's own tools: status override, maintenance,
   * console weight. Resolves with what consumers shall see from then on.
   */
  override?(
    service: string,
    id: string,
  ): Promise<Partial<Pick<ServiceNode, "weight" | "status" | "metadata">>>;
  /** The backend forgets all records and breaks its connections: a restart without persistence. */
  wipe?(): Promise<void>;
  /**
   * Makes every watch lose its place while the records stay as they are: compaction, index reset,
   * leader change, session move.
   */
  reset?(): Promise<void>;
}

/** A stored record, as far as the suite looks at it. */
export interface RawRecord {
  /** Whether the registry's own tools show it as taking traffic. */
  readonly serving: boolean;
}

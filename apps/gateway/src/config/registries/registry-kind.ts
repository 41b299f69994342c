import type * as z from "zod";

import type { ConfigDocument, Path } from "../document.ts";
import type { RegistryConfig } from "../gateway-config.ts";
import type { PemFiles } from "../pem-files.ts";
import type { Problem } from "../problem.ts";
import { showPath } from "../show-path.ts";
import type { ArgRules } from "./discovery-args.ts";

/** One kind of registry: what may be written under `discovery`, and what that means to its package. */
export interface RegistryKind {
  readonly schema: z.ZodType;
  /** What `discovery_args` of an upstream may hold: the scope keys of the registry. */
  readonly args: ArgRules;
  /**
   * Fills in the defaults and checks what the schema cannot.
   *
   * @param input  What is right in the entry; a key that is there and wrong is missing here.
   * @returns `undefined` when something was wrong; it was told at `place` then.
   */
  resolve(place: RegistryPlace, input: object): RegistryConfig | undefined;
}

/** Makes a kind whose entries have the shape `Input`. */
export function registryKind<Input>(
  schema: z.ZodType<Input>,
  resolve: (place: RegistryPlace, input: Partial<Input>) => RegistryConfig | undefined,
  args: ArgRules = {},
): RegistryKind {
  // What reaches it was checked against the schema, key by key.
  return { schema, args, resolve: (place, input) => resolve(place, input) };
}

/** Where one entry of `discovery` stands, and where to tell what is wrong with it. */
export class RegistryPlace {
  readonly name: string;
  /** Files named in the entry are relative to it. */
  readonly directory: string;
  readonly pem: PemFiles;
  readonly #document: ConfigDocument;
  readonly #problems: Problem[];
  readonly #warnings: Problem[];
  #found = 0;

  constructor(
    document: ConfigDocument,
    name: string,
    directory: string,
    said: {
      readonly problems: Problem[];
      readonly warnings: Problem[];
      readonly pem: PemFiles;
    },
  ) {
    this.name = name;
    this.directory = directory;
    this.#document = document;
    this.pem = said.pem;
    this.#problems = said.problems;
    this.#warnings = said.warnings;
  }

  /** Whether nothing was wrong so far. */
  get isGood(): boolean {
    return this.#found === 0;
  }

  /** `discovery.eureka.tls.ca` */
  show(path: Path): string {
    return showPath(["discovery", this.name, ...path]);
  }

  /** @param message  What is wrong, on one line; begins with {@link show} of the path. */
  problem(path: Path, message: string): void {
    this.#found += 1;
    this.#problems.push(this.#document.problem(["discovery", this.name, ...path], message));
  }

  warn(path: Path, message: string): void {
    this.#warnings.push(this.#document.problem(["discovery", this.name, ...path], message));
  }
}

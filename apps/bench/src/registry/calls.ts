/** The part of the load measures in a process: many clients, each as if it were alone in its process. */
export interface FleetCalls {
  /** Has each of so many clients follow the services `<prefix>0`… @returns how many watches have answered */
  watchMany(prefix: string, services: number, clients: number, deadlineMs: number): Promise<number>;
  /**
   * Has each of so many clients register a node of each of its own services, `<prefix><client>-0`….
   *
   * @param from  Number of the first client.
   */
  registerMany(prefix: string, services: number, from: number, clients: number): Promise<void>;
}

/** How long a provider lives after it was seen. */
export interface ProviderLife {
  readonly leastMs: number;
  /** So much longer at most, at random: where in its heartbeats it dies is chance. */
  readonly phaseMs: number;
}

/** The part of `gone` in a consumer's process: it has the clock, and kills. */
export interface GoneCalls {
  /**
   * Starts a provider for each service, follows the services, kills each provider with SIGKILL. From each kill to the
   * moment the consumer is without the node, in ms.
   *
   * @param services  Each has one more node, `n1`, that stays.
   * @param url  For the providers.
   */
  goneTurn(services: readonly string[], life: ProviderLife): Promise<number[]>;
}

/** The part of `large` in a side's process. */
export interface LargeCalls {
  /** Follows a service until it has so many nodes; memory for each, in bytes: reachable, buffers included. */
  largeBegin(service: string, count: number): Promise<number>;
  /** From now on a version of a node is awaited. */
  largeArm(index: number, version: string): Promise<void>;
  /** Once it is seen: CPU since it was awaited, all threads, in ms. */
  largeSeen(): Promise<number>;
  /** CPU since the last version was awaited, in ms. */
  largeAfter(): Promise<number>;
}

/** The part of `visible` in a side's process. */
export interface VisibleCalls {
  /** Registers a node and follows its service. */
  visibleBegin(service: string): Promise<void>;
  /**
   * Changes the node again and again. From each call that changes it to the moment the watching consumer has it, in ms.
   *
   * @param pauseMs  Before each change, at random up to this: a poll must not set the pace.
   */
  visibleTurn(service: string, turn: string, changes: number, pauseMs: number): Promise<number[]>;
}

/** What a process with clients can be told to do. */
export interface SideCalls extends FleetCalls, GoneCalls, LargeCalls, VisibleCalls {
  /** Registers a node, or changes its version. */
  register(service: string, version: string): Promise<void>;
  /** The process that does the work. */
  pid(): Promise<number>;
  /** Ends what was made, in good order. */
  end(): Promise<void>;
}

import { type Completed, createProxy, type ListenAddress } from "@rollcall/proxy";

import { showAddress } from "./address.ts";
import { type AdminListener, startAdmin } from "./admin/listener.ts";
import type { GatewayConfig, ListenConfig } from "./config/gateway-config.ts";
import { failureReply, type RequestContext, routeRequest } from "./forwarding.ts";
import type { Front } from "./front.ts";
import type { Gateway, GatewayDeps, GatewayParts } from "./gateway-contract.ts";
import { ListenError } from "./listen-error.ts";
import { Listeners, type OpenListener, sameAddress } from "./listeners.ts";
import { GatewayMetrics } from "./metrics/gateway-metrics.ts";
import { connectWith } from "./registry-connection.ts";
import { buildState, disposeState, type GatewayState, settled } from "./state.ts";
import { TicketSecret } from "./ticket-secret.ts";
import { HealthBoard } from "./upstream/health-board.ts";
import { HealthChecks } from "./upstream/health-checks.ts";

/** How long a reload waits for the services it adds before it takes over, in ms. */
const settleMs = 5_000;

/**
 * Starts a gateway. Resolves when its listeners are open; registries may be down.
 *
 * @throws {@link ListenError} when an address cannot be opened; nothing is left running.
 */
export function startGateway(config: GatewayConfig, deps: GatewayDeps): Promise<Gateway> {
  return startGatewayWith(config, deps, {});
}

/** {@link startGateway}, for one of several processes. */
export async function startGatewayWith(
  config: GatewayConfig,
  deps: GatewayDeps,
  parts: GatewayParts,
): Promise<Gateway> {
  const gateway = new RunningGateway(deps, parts);
  await gateway.start(config);
  return gateway;
}

class RunningGateway implements Gateway {
  readonly #deps: GatewayDeps;
  readonly #parts: GatewayParts;
  readonly #metrics: GatewayMetrics;
  readonly #front: Front;
  readonly #started = Promise.withResolvers<void>();
  readonly #ticketSecret: TicketSecret;
  readonly #health: HealthBoard;
  readonly #checks: HealthChecks | undefined;
  /** Fires when closing begins: a reload under way waits for no registry any more. */
  readonly #closing = new AbortController();
  readonly #ending = new AbortController();
  #state: GatewayState | undefined;
  #admin: AdminListener | undefined;
  /** Reloads run one after the other. */
  #turn: Promise<unknown> = Promise.resolve();
  #closed: Promise<void> | undefined;

  constructor(deps: GatewayDeps, parts: GatewayParts) {
    this.#deps = deps;
    this.#parts = parts;
    const listeners = new Listeners((wanted) => this.#openListener(wanted));
    this.#ticketSecret = parts.ticketSecret ?? new TicketSecret();
    this.#ticketSecret.follow((secret) => listeners.setTicketSecret(secret));
    this.#health = parts.health ?? new HealthBoard();
    if (parts.health === undefined) {
      this.#checks = new HealthChecks(this.#health, {
        checked: (registry, service, result) => this.#metrics.checked(registry, service, result),
        changed: (change) => deps.onNodeChange?.(change),
      });
    }
    this.#front = parts.front?.(listeners, () => this.#metrics, this.#health) ?? listeners;
    this.#metrics = new GatewayMetrics(
      () => ({ state: this.#current, inFlight: this.#front.inFlight, health: this.#health }),
      deps.droppedLogLines ?? (() => 0),
      this.#front.workers,
    );
  }

  get addresses(): readonly ListenAddress[] {
    return this.#front.addresses;
  }

  get adminAddress(): ListenAddress | undefined {
    return this.#admin?.address;
  }

  get config(): GatewayConfig {
    return this.#current.config;
  }

  get #current(): GatewayState {
    // Everything that reads it runs after #started; before, requests wait for it.
    return this.#state!;
  }

  async start(config: GatewayConfig): Promise<void> {
    await this.#goOver(config);
    if (this.#parts.ticketSecret === undefined)
      this.#ticketSecret.keepRenewing(this.#ending.signal);
    this.#started.resolve();
  }

  reload(config: GatewayConfig): Promise<void> {
    const done = this.#turn.then(() => this.#reload(config));
    this.#turn = done.catch(() => undefined);
    return done;
  }

  noteRefusedReload(reason: string): void {
    this.#metrics.reloaded(reason);
  }

  close(options: { readonly drainMs?: number | undefined } = {}): Promise<void> {
    this.#closed ??= this.#close(options.drainMs ?? this.#current.config.drainMs);
    return this.#closed;
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  async #reload(config: GatewayConfig): Promise<void> {
    this.#closing.signal.throwIfAborted();
    try {
      await this.#goOver(config);
      this.#metrics.reloaded();
    } catch (error) {
      this.#metrics.reloaded(error instanceof Error ? error.message : "unknown error");
      throw error;
    }
  }

  /** Opens what is new, builds the state, swaps, and only then closes what is no longer wanted. */
  async #goOver(config: GatewayConfig): Promise<void> {
    const previous = this.#state;
    const undo: (() => Promise<void>)[] = [];
    try {
      const step = await this.#front.claim(config);
      undo.push(() => step.abandon());
      const admin = await this.#openAdmin(config, undo);
      const own = [...step.addresses, ...(this.#parts.ownElsewhere?.() ?? [])];
      if (admin !== undefined) own.push(admin.address);
      const state = await buildState(
        config,
        {
          connect: this.#parts.connect ?? connectWith(this.#deps.registries),
          stagger: this.#parts.stagger,
          ownListeners: own,
          onAttempt: (pool, outcome) => this.#metrics.attempt(pool, outcome),
          health: this.#health,
          nodeEvents: {
            ejected: (registry, service) => this.#metrics.ejected(registry, service),
            changed: (change) => this.#deps.onNodeChange?.(change),
          },
        },
        previous,
      );
      undo.push(() => disposeState(state, previous));
      if (previous !== undefined) await settled(state, previous, settleMs, this.#closing.signal);
      await step.prepare(state, own);
      const oldAdmin = this.#admin === admin ? undefined : this.#admin;
      this.#state = state;
      this.#admin = admin;
      this.#metrics.forgetAllBut(config);
      step.commit();
      this.#checks?.follow(state);
      void oldAdmin?.[Symbol.asyncDispose]();
      if (previous !== undefined) await disposeState(previous, state);
    } catch (error) {
      await Promise.all(undo.map((step) => step()));
      throw error;
    }
  }

  async #openListener(config: ListenConfig): Promise<OpenListener> {
    const proxy = createProxy({
      route: (head) =>
        this.#state === undefined
          ? this.#started.promise.then(() => routeRequest(head, () => this.#current))
          : routeRequest(head, () => this.#current),
      describeFailure: failureReply,
      allowAddress: (host, port) => this.#current.policy.allows({ host, port }),
      onCompleted: (completed) => this.#completed(completed),
      onHandshake: (result) => this.#metrics.handshake(result),
      reusePort: this.#parts.reusePort,
    });
    proxy.setTicketSecret(this.#ticketSecret.current);
    try {
      const address = await proxy.listen(config);
      return { config, address, proxy };
    } catch (error) {
      throw new ListenError(config, error);
    }
  }

  async #openAdmin(
    config: GatewayConfig,
    undo: (() => Promise<void>)[],
  ): Promise<AdminListener | undefined> {
    const { admin: wanted } = config;
    if (wanted === undefined) return undefined;
    if (this.#admin !== undefined && sameAddress(this.#admin.config, wanted)) return this.#admin;
    try {
      const admin = await startAdmin(wanted, async () => {
        await this.#started.promise;
        const { workers } = this.#front;
        return {
          state: this.#current,
          metrics: this.#metrics,
          addresses: this.addresses,
          health: this.#health,
          workers,
        };
      });
      undo.push(async () => admin[Symbol.asyncDispose]());
      return admin;
    } catch (error) {
      throw new ListenError(wanted, error);
    }
  }

  #completed(completed: Completed): void {
    const context = completed.context as RequestContext | undefined;
    this.#metrics.completed(completed, context);
    if (this.#state?.config.accessLog !== true) return;
    const { method, target, status, elapsedMs, attempts, node, remoteAddress } = completed;
    this.#deps.onAccess?.({
      method,
      target,
      status,
      elapsedMs,
      attempts,
      node: node === undefined ? undefined : showAddress(node),
      route: context?.route.id,
      service: context?.route.target.pool.service,
      remoteAddress,
    });
  }

  async #close(drainMs: number): Promise<void> {
    this.#closing.abort(new Error("the gateway is about to end"));
    await this.#turn;
    this.#checks?.stop();
    await this.#front.close(drainMs);
    await this.#admin?.[Symbol.asyncDispose]();
    await disposeState(this.#current);
    this.#ending.abort();
  }
}

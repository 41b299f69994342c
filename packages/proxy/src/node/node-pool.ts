import type { Socket } from "node:net";

import type { UpstreamNode } from "../contract.ts";
import type { BudgetMember, ConnectionBudget } from "./connection-budget.ts";
import { type DialOptions, dial } from "./dial.ts";
import { NodeConnection, type NodeParts } from "./node-connection.ts";
import type { NodeUser } from "./node-user.ts";

/**
 * How long a connection may have been idle to carry a request that must not be sent twice, in ms. Nodes close
 * idle connections after seconds, and such a request cannot be repeated when it meets the closing.
 */
const freshMs = 1_000;

/** How long a TLS session is remembered when no connection is left, in ms: most servers forget it earlier. */
const sessionMs = 300_000;

/** Bounds of the connections to one node. */
export interface PoolLimits {
  readonly maxIdle: number;
  /** How long an idle connection is kept, in ms. */
  readonly idleTimeoutMs: number;
  /** Open connections, idle ones included; 0: no bound. */
  readonly maxConnections: number;
  /** Requests that may wait for one of them. */
  readonly maxWaiting: number;
}

/** A request that waits for a connection. */
export interface NodeWaiter {
  /** One is free, or may be opened. Called once. */
  nodeFree(): void;
}

/** The connections to one node: idle ones are used again, the newest first, for it is the least likely to be dead. */
export class NodePool implements BudgetMember {
  readonly node: UpstreamNode;
  readonly #parts: NodeParts;
  readonly #dialing: DialOptions;
  readonly #limits: PoolLimits;
  readonly #budget: ConnectionBudget;
  readonly #idle: NodeConnection[] = [];
  /** All, idle ones included: nothing is added or taken away per request. */
  readonly #open = new Set<NodeConnection>();
  readonly #waiting = new Set<NodeWaiter>();
  /**
   * Whether answers end before their connection does. Only a node that is known for it, and not for anything
   * else, is spoken to over TLS connections whose end could be anybody's.
   */
  #answersEnd: "unknown" | "framed" | "with_connection" = "unknown";
  /** Of the newest TLS connection: the next one need not begin anew. */
  #session: Buffer | undefined;
  /** When it was first seen to be empty since a connection was last opened, on the monotonic clock. */
  #emptySinceMs: number | undefined;
  /** Whether it is no longer the pool of its node. */
  retired = false;

  /** @param budget  What it shares with the pools of all other nodes. */
  constructor(
    node: UpstreamNode,
    parts: NodeParts,
    dialing: DialOptions,
    limits: PoolLimits,
    budget: ConnectionBudget,
  ) {
    this.node = node;
    this.#parts = parts;
    this.#dialing = dialing;
    this.#limits = limits;
    this.#budget = budget;
  }

  /** Whether nothing is open and nobody waits. */
  get isEmpty(): boolean {
    return this.#open.size === 0 && this.#waiting.size === 0;
  }

  /** Whether it is empty, and no further connection would gain from what is known here. */
  isForgettable(nowMs: number): boolean {
    if (!this.isEmpty) return false;
    if (this.#session === undefined) return true;
    this.#emptySinceMs ??= nowMs;
    return nowMs - this.#emptySinceMs >= sessionMs;
  }

  /** Whether a further connection may be opened; an idle one makes room for it. */
  mayOpen(): boolean {
    return this.#isFull ? this.closeIdle() : this.#budget.mayOpen();
  }

  get #isFull(): boolean {
    const { maxConnections } = this.#limits;
    return maxConnections > 0 && this.#open.size >= maxConnections;
  }

  closeIdle(): boolean {
    const oldest = this.#idle.shift();
    if (oldest !== undefined) this.#close(oldest);
    return oldest !== undefined;
  }

  /** Waits until {@link NodeWaiter.nodeFree}; `false`: too many do already. */
  wait(waiter: NodeWaiter): boolean {
    if (this.#waiting.size >= this.#limits.maxWaiting) return false;
    this.#waiting.add(waiter);
    this.#budget.wait(this);
    return true;
  }

  /** Waits no longer. */
  leave(waiter: NodeWaiter): void {
    this.#waiting.delete(waiter);
  }

  /**
   * An idle connection, ready to send.
   *
   * @param isRepeatable  Whether the request may be sent again: if not, only a fresh one will do.
   */
  reuse(user: NodeUser, isRepeatable: boolean, nowMs: number): NodeConnection | undefined {
    for (let newest = this.#idle.pop(); newest !== undefined; newest = this.#idle.pop()) {
      if (!newest.isUsable) {
        this.#close(newest);
        continue;
      }
      if (!isRepeatable && newest.idleSinceMs < nowMs - freshMs) {
        this.#idle.push(newest);
        return undefined;
      }
      newest.use(user);
      return newest;
    }
    return undefined;
  }

  /**
   * Begins a new connection; the user is told when it stands.
   *
   * @throws Error  When the node's port is none, or its TLS cannot be begun.
   */
  open(user: NodeUser): NodeConnection {
    const { secure } = this.node;
    const watched = secure && this.#answersEnd !== "framed";
    const connection = new NodeConnection(this.#parts, secure, secure && !watched, (closed) =>
      this.#forget(closed),
    );
    const how = { ...this.#dialing, session: this.#session, watched };
    const socket = this.#dial(how, connection);
    if (secure) {
      socket.on("session", (session: Buffer) => (this.#session = session));
      // Whatever was wrong, the next one begins anew.
      socket.once("error", () => (this.#session = undefined));
    }
    connection.open(socket, secure ? "secureConnect" : "connect", user);
    this.#open.add(connection);
    this.#emptySinceMs = undefined;
    this.#budget.open += 1;
    return connection;
  }

  #dial(how: DialOptions, connection: NodeConnection): Socket {
    try {
      return dial(this.node, how, (bytes, length) => connection.onBytes(bytes, length));
    } catch (error) {
      // What might have been opened is for the next in line.
      this.#budget.freed();
      throw error;
    }
  }

  /** The node ends answers with their connection: further connections show whether it was the node that did. */
  watch(): void {
    this.#answersEnd = "with_connection";
    this.dropIdle();
  }

  /**
   * Gives a connection back.
   *
   * @param keepMs  How long the node itself keeps it, in ms.
   */
  giveBack(connection: NodeConnection, nowMs: number, keepMs: number): void {
    const { maxIdle, idleTimeoutMs } = this.#limits;
    const idleMs = Math.min(idleTimeoutMs, keepMs);
    if (this.#answersEnd === "unknown") this.#answersEnd = "framed";
    // One that is watched is dear: it stays only while it is the only one.
    const isTooDear =
      this.node.secure &&
      !connection.endIsDoubtful &&
      this.#answersEnd === "framed" &&
      this.#open.size > 1;
    if (this.#idle.length >= maxIdle || idleMs <= 0 || isTooDear) {
      this.#close(connection);
    } else {
      connection.release();
      connection.idleSinceMs = nowMs;
      connection.idleUntilMs = nowMs + idleMs;
      this.#idle.push(connection);
    }
    this.#budget.freed();
  }

  /** Closes a connection that is of no further use. */
  drop(connection: NodeConnection): void {
    this.#close(connection);
    this.#budget.freed();
  }

  /** A node closed an idle connection under a request: its other idle ones are no better. */
  dropIdle(): void {
    for (const connection of this.#idle.splice(0)) this.#close(connection);
  }

  /** Closes what has been idle for too long. */
  sweep(nowMs: number): void {
    if (this.#idle.length === 0 || this.#idle.every((one) => one.idleUntilMs > nowMs)) return;
    for (const connection of this.#idle.splice(0)) {
      if (connection.idleUntilMs > nowMs) this.#idle.push(connection);
      else this.#close(connection);
    }
  }

  /** Closes everything. */
  close(): void {
    this.#idle.length = 0;
    for (const connection of this.#open) this.#close(connection);
  }

  get wantsMore(): boolean {
    return this.#waiting.size > 0 && (!this.#isFull || this.#idle.length > 0);
  }

  serveNext(): void {
    const [first] = this.#waiting;
    if (first === undefined) return;
    this.#waiting.delete(first);
    if (this.#waiting.size > 0) this.#budget.wait(this);
    first.nodeFree();
  }

  #close(connection: NodeConnection): void {
    this.#left(connection);
    connection.destroy();
  }

  #forget(connection: NodeConnection): void {
    this.#left(connection);
    const index = this.#idle.indexOf(connection);
    if (index !== -1) this.#idle.splice(index, 1);
  }

  #left(connection: NodeConnection): void {
    if (this.#open.delete(connection)) this.#budget.open -= 1;
  }
}

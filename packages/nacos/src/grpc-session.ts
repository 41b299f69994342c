import { DiscoveryError } from "@rollcall/core";
import { sleep } from "@rollcall/core/adapter";

import type { Access } from "./access.ts";
import { BodyError } from "./body.ts";
import type { Decoded } from "./codec.ts";
import { fault } from "./fault.ts";
import { GrpcCalls, type Json, unregistered } from "./grpc-calls.ts";
import { GrpcConnection, type GrpcStream } from "./grpc-connection.ts";
import type { HttpApi } from "./http-api.ts";
import type { ServiceKey } from "./names.ts";
import type { ResolvedOptions } from "./options.ts";
import { encodePayload } from "./payload.ts";
import { isRecord } from "./record.ts";
import type { Server } from "./server-url.ts";
import { readServiceInfo, type ServiceInfo } from "./service-info.ts";
import type { Session } from "./session.ts";
import type { StoredInstance } from "./stored-instance.ts";
import { Subscriptions } from "./subscriptions.ts";

/** What a gRPC session works with. */
export interface GrpcSessionContext {
  readonly options: ResolvedOptions;
  readonly access: Access;
  /** For persistent instances on servers that take them over HTTP only. */
  readonly http: HttpApi;
  readonly server: Server;
  readonly namespace: string;
}

const healthCheckType = "HealthCheckRequest";
const noHandler = 302;
const maxPages = 1_000;
const pageSize = 500;

/**
 * A gRPC connection to one server for one namespace: pushes carry none, so each namespace has its own.
 *
 * Ephemeral instances live as long as the connection. It is looked after with health checks, and given up
 * when they fail, when the server asks us to move, and when a write has an unknown outcome: on a new
 * connection the server starts with a clean slate.
 */
export class GrpcSession implements Session {
  readonly kind = "grpc";
  readonly #context: GrpcSessionContext;
  readonly #connection: GrpcConnection;
  readonly #calls: GrpcCalls;
  readonly #subscriptions: Subscriptions;
  #stream: GrpcStream | undefined;
  #acknowledged = Promise.withResolvers<void>();
  #persistentByGrpc = false;

  private constructor(context: GrpcSessionContext, connection: GrpcConnection) {
    this.#context = context;
    this.#connection = connection;
    this.#calls = new GrpcCalls(context, connection);
    this.#subscriptions = new Subscriptions({
      options: context.options,
      ended: connection.closed,
      subscribe: (key, signal) => this.#subscribe(key, true, signal),
      unsubscribe: (key, signal) => this.#subscribe(key, false, signal),
      query: (key, signal) => this.query(key, signal),
    });
  }

  /**
   * Connects and introduces us.
   *
   * @throws {@link DiscoveryError} `UNAVAILABLE`, `TIMEOUT`, `PROTOCOL`; the signal's reason.
   */
  static async open(context: GrpcSessionContext, signal: AbortSignal): Promise<GrpcSession> {
    const { options, server } = context;
    const { name: registry, connectMs, maxMessageBytes, grpcPortOffset } = options;
    const connection = await GrpcConnection.open(
      {
        registry,
        host: server.host,
        port: server.port + grpcPortOffset,
        tls: server.secure ? tlsOf(options) : undefined,
        connectMs,
        maxMessageBytes,
      },
      signal,
    );
    const session = new GrpcSession(context, connection);
    try {
      await session.#setUp(signal);
    } catch (thrown) {
      const where = session.#calls.where("set up");
      connection.close(fault("UNAVAILABLE", where, "the set-up failed", thrown));
      throw thrown;
    }
    void session.#stayAlive();
    return session;
  }

  get ended(): AbortSignal {
    return this.#connection.closed;
  }

  /** The server it is connected to. */
  get server(): Server {
    return this.#context.server;
  }

  async query(key: ServiceKey, signal: AbortSignal): Promise<ServiceInfo> {
    const body = { ...naming(key), cluster: "", healthyOnly: false, udpPort: 0 };
    const operation = `query ${key.service}`;
    return this.#calls.ask({ type: "ServiceQueryRequest", body, operation, signal }, key, infoOf);
  }

  follow(key: ServiceKey, signal: AbortSignal): AsyncIterable<readonly Decoded[]> {
    return this.#subscriptions.follow(key, signal);
  }

  async services(group: string, signal: AbortSignal): Promise<readonly string[]> {
    const names: string[] = [];
    for (let pageNo = 1; pageNo <= maxPages; pageNo += 1) {
      const key = { namespace: this.#context.namespace, group, service: "" };
      const body = { ...naming(key), pageNo, pageSize, selector: "" };
      const request = { type: "ServiceListRequest", body, operation: "list services", signal };
      const page = await this.#calls.ask(request, undefined, namesOf);
      names.push(...page.map((name) => name.replace(`${group}@@`, "")));
      if (page.length < pageSize) break;
    }
    return names;
  }

  async enter(
    key: ServiceKey,
    changed: readonly StoredInstance[],
    all: readonly StoredInstance[],
    signal: AbortSignal,
  ): Promise<void> {
    for (const instance of changed) {
      if (!instance.ephemeral) await this.#persistent(key, instance, "registerInstance", signal);
    }
    const ephemeral = all.filter((one) => one.ephemeral);
    if (changed.some((one) => one.ephemeral)) await this.#publish(key, ephemeral, signal);
  }

  async leave(
    key: ServiceKey,
    gone: StoredInstance,
    rest: readonly StoredInstance[],
    signal: AbortSignal,
  ): Promise<void> {
    if (!gone.ephemeral) return this.#persistent(key, gone, "deregisterInstance", signal);
    const ephemeral = rest.filter((one) => one.ephemeral);
    if (ephemeral.length > 0) return this.#publish(key, ephemeral, signal);
    const body = { ...naming(key), type: "deregisterInstance", instance: gone };
    return this.#write("InstanceRequest", body, key, `deregister ${key.service}`, signal);
  }

  /** The connection is the sign of life. */
  async beat(): Promise<boolean> {
    return true;
  }

  close(reason: DiscoveryError): void {
    this.#connection.close(reason);
  }

  /** A connection has one registration per service: each takes the place of the one before. */
  async #publish(
    key: ServiceKey,
    instances: readonly StoredInstance[],
    signal: AbortSignal,
  ): Promise<void> {
    const operation = `register ${key.service}`;
    const [instance, ...more] = instances;
    // Servers before 2.1 have no batch.
    if (more.length === 0) {
      const body = { ...naming(key), type: "registerInstance", instance };
      return this.#write("InstanceRequest", body, key, operation, signal);
    }
    const body = { ...naming(key), type: "batchRegisterInstance", instances };
    return this.#write("BatchInstanceRequest", body, key, operation, signal);
  }

  async #persistent(
    key: ServiceKey,
    instance: StoredInstance,
    type: "registerInstance" | "deregisterInstance",
    signal: AbortSignal,
  ): Promise<void> {
    if (!this.#persistentByGrpc) {
      const { http } = this.#context;
      return type === "registerInstance"
        ? http.register(key, instance, signal)
        : http.deregister(key, instance, signal);
    }
    const body = { ...naming(key), type, instance };
    await this.#write("PersistentInstanceRequest", body, key, `${type} ${key.service}`, signal);
  }

  async #write(
    type: string,
    body: Json,
    key: ServiceKey,
    operation: string,
    signal: AbortSignal,
  ): Promise<void> {
    const request = { type, body, operation, signal, isWrite: true };
    await this.#calls.ask(request, key, () => undefined);
  }

  async #subscribe(key: ServiceKey, subscribe: boolean, signal: AbortSignal): Promise<ServiceInfo> {
    // Always all clusters: a connection has one subscription per service.
    const body = { ...naming(key), subscribe, clusters: "" };
    const operation = `${subscribe ? "subscribe to" : "unsubscribe from"} ${key.service}`;
    const request = { type: "SubscribeServiceRequest", body, operation, signal };
    return this.#calls.ask(request, key, infoOf);
  }

  async #setUp(signal: AbortSignal): Promise<void> {
    const { options, namespace } = this.#context;
    const operation = "set up";
    const request = { body: {}, operation, signal };
    const check = await this.#calls.send({ ...request, type: "ServerCheckRequest" });
    this.#calls.check(check, operation);
    this.#stream = this.#connection.stream("/BiRequestStream/requestBiStream", (message) =>
      this.#received(message),
    );
    this.#say("ConnectionSetupRequest", {
      clientVersion: "Rollcall-NodeJS-Client:v1",
      tenant: namespace,
      labels: { source: "sdk", module: "naming", AppName: "rollcall" },
      // With a table, servers that know abilities confirm the set-up with theirs.
      abilityTable: {},
    });
    const untilMs = options.clock.monotonicMs() + options.readMs;
    if (check.body["supportAbilityNegotiation"] === true) {
      const over = AbortSignal.any([signal, this.ended]);
      await Promise.race([this.#acknowledged.promise, sleep(options.readMs, over, options.clock)]);
    }
    // Until the server has taken the connection in, it does not know us.
    for (let waitMs = 10; ; waitMs = Math.min(waitMs * 2, 200)) {
      const health = await this.#calls.send({ ...request, type: healthCheckType });
      if (health.body["errorCode"] !== unregistered || options.clock.monotonicMs() > untilMs) {
        this.#calls.check(health, operation);
        return;
      }
      await sleep(waitMs, signal, options.clock);
    }
  }

  async #stayAlive(): Promise<void> {
    const { healthCheck, clock, random } = this.#context.options;
    const { intervalMs, timeoutMs, failures } = healthCheck;
    const operation = "health check";
    try {
      for (;;) {
        await sleep(intervalMs * (1 - 0.1 * random()), this.ended, clock);
        for (let failed = 1; ; failed += 1) {
          const askedAtMs = clock.monotonicMs();
          try {
            const signal = this.ended;
            const request = { type: healthCheckType, body: {}, operation, signal, timeoutMs };
            this.#calls.check(await this.#calls.send(request), operation);
            break;
          } catch (thrown) {
            this.ended.throwIfAborted();
            // A push that arrived meanwhile is as good.
            if (this.#calls.heardAtMs > askedAtMs) break;
            if (failed === failures) throw thrown;
          }
        }
      }
    } catch (thrown) {
      if (this.ended.aborted) return;
      const reason = "the server does not answer health checks";
      this.close(fault("UNAVAILABLE", this.#calls.where(operation), reason, thrown));
    }
  }

  #received(message: Buffer): void {
    const { type, body } = this.#calls.received(message, "receive");
    const { requestId } = body;
    const answer = { requestId, resultCode: 200, errorCode: 0, success: true };
    switch (type) {
      case "SetupAckRequest": {
        const { abilityTable } = body;
        this.#persistentByGrpc =
          isRecord(abilityTable) && abilityTable["supportPersistentInstanceByGrpc"] === true;
        this.#acknowledged.resolve();
        return;
      }
      case "NotifySubscriberRequest":
        // First, because whoever does not answer is pushed to again and again, and dropped in the end.
        this.#say("NotifySubscriberResponse", answer);
        this.#pushed(body["serviceInfo"]);
        return;
      case "ClientDetectionRequest":
        this.#say("ClientDetectionResponse", answer);
        return;
      case "ConnectResetRequest":
        this.#say("ConnectResetResponse", answer, () => {
          const where = this.#calls.where("stay connected");
          this.close(fault("UNAVAILABLE", where, "the server asks us to move"));
        });
        return;
      default:
        this.#say("ErrorResponse", {
          ...answer,
          resultCode: 500,
          errorCode: noHandler,
          success: false,
        });
    }
  }

  #pushed(raw: unknown): void {
    if (!isRecord(raw)) return;
    const { name, groupName } = raw;
    if (typeof name !== "string" || typeof groupName !== "string") return;
    const key = { namespace: this.#context.namespace, group: groupName, service: name };
    try {
      this.#subscriptions.deliver(key, readServiceInfo(raw));
    } catch (cause) {
      const where = this.#calls.where(`receive ${name.slice(0, 255)}`);
      const error = fault("PROTOCOL", where, (cause as Error).message, cause);
      this.#subscriptions.fail(key, cause instanceof DiscoveryError ? cause : error);
    }
  }

  #say(type: string, body: Json, onSent?: () => void): void {
    this.#stream?.send(encodePayload({ type, body: JSON.stringify(body) }), onSent);
  }
}

function naming({ namespace, group, service }: ServiceKey): Json {
  return { namespace, groupName: group, serviceName: service, module: "naming" };
}

function infoOf(body: Json): ServiceInfo {
  return readServiceInfo(body["serviceInfo"]);
}

function namesOf(body: Json): readonly string[] {
  const names = body["serviceNames"];
  if (!Array.isArray(names)) throw new BodyError("the answer has no list of services");
  return names.filter((name) => typeof name === "string");
}

function tlsOf({ tls = {} }: ResolvedOptions): Record<string, unknown> {
  const { ca, cert, key, serverName, verify } = tls;
  return {
    ...(ca === undefined ? {} : { ca: [ca].flat() }),
    ...(cert === undefined ? {} : { cert, key }),
    ...(serverName === undefined ? {} : { servername: serverName }),
    ...(verify === false ? { rejectUnauthorized: false } : {}),
  };
}

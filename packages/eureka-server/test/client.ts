import { startEurekaServer, type EurekaChange, type EurekaServer } from "../src/index.ts";
import type { EurekaServerOptions } from "../src/index.ts";
import { ManualClock } from "./manual-clock.ts";

/** An answer, with the body read. */
export interface Answer {
  readonly status: number;
  readonly headers: Headers;
  readonly text: string;
}

/** An instance as JSON on the wire, as far as the tests look at it. */
export interface WireInstance {
  readonly instanceId?: string;
  readonly app: string;
  readonly status: string;
  readonly overriddenStatus: string;
  readonly actionType: string;
  readonly lastDirtyTimestamp: string;
  readonly port: { readonly $: number; readonly "@enabled": string };
  readonly leaseInfo: Readonly<Record<string, number>>;
  readonly metadata: Readonly<Record<string, string>>;
}

interface WireApplications {
  readonly applications: {
    readonly versions__delta: string;
    readonly apps__hashcode: string;
    readonly application: readonly { name: string; instance: readonly WireInstance[] }[];
  };
}

/** A server on a manual clock, with short ways to call it. */
export interface Bench extends AsyncDisposable {
  readonly server: EurekaServer;
  readonly clock: ManualClock;
  readonly changes: EurekaChange[];
  call(method: string, path: string, init?: CallInit): Promise<Answer>;
  register(app: string, id: string, fields?: Readonly<Record<string, unknown>>): Promise<Answer>;
  apps(): Promise<readonly WireInstance[]>;
  delta(): Promise<WireApplications["applications"]>;
  instance(app: string, id: string): Promise<WireInstance | undefined>;
}

/** What a call may add. */
export interface CallInit {
  readonly headers?: Readonly<Record<string, string>>;
  readonly body?: string;
}

const json = { accept: "application/json" };

/** Starts a server for one test. */
export async function bench(options: EurekaServerOptions = {}): Promise<Bench> {
  const clock = new ManualClock();
  const changes: EurekaChange[] = [];
  const server = await startEurekaServer({
    clock,
    onChange: (change) => changes.push(change),
    ...options,
  });
  const call: Bench["call"] = async (method, path, init = {}) => {
    const url = new URL(path, server.url);
    const response = await fetch(url, {
      method,
      headers: { ...json, ...init.headers },
      ...(init.body !== undefined && { body: init.body }),
    });
    return {
      status: response.status,
      headers: response.headers,
      text: await response.text(),
    };
  };
  return {
    server,
    clock,
    changes,
    call,
    register: (app, id, fields) =>
      call("POST", `apps/${encodeURIComponent(app)}`, {
        headers: { "content-type": "application/json" },
        body: registration(app, id, fields),
      }),
    apps: async () => {
      const { applications } = JSON.parse((await call("GET", "apps")).text) as WireApplications;
      return applications.application.flatMap((application) => application.instance);
    },
    delta: async () =>
      (JSON.parse((await call("GET", "apps/delta")).text) as WireApplications).applications,
    instance: async (app, id) => {
      const answer = await call("GET", `apps/${app}/${encodeURIComponent(id)}`);
      if (answer.status === 404) return undefined;
      return (JSON.parse(answer.text) as { instance: WireInstance }).instance;
    },
    [Symbol.asyncDispose]: () => server.close(),
  };
}

/** The body of a registration with everything that is required. */
export function registration(
  app: string,
  id: string,
  fields: Readonly<Record<string, unknown>> = {},
): string {
  return JSON.stringify({
    instance: {
      instanceId: id,
      hostName: "host",
      app,
      ipAddr: "127.0.0.1",
      status: "UP",
      port: { $: 8080, "@enabled": "true" },
      dataCenterInfo: {
        "@class": "com.netflix.appinfo.InstanceInfo$DefaultDataCenterInfo",
        name: "MyOwn",
      },
      ...fields,
    },
  });
}

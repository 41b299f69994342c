import type { Raw } from "@rollcall/conformance";
import { type ConsulAccess, type ConsulAnswer, consulApi } from "@rollcall/testbed";

/** Consul as its own tools and other people's clients see it: plain HTTP, nothing of the adapter's. */
export interface RawConsul extends Raw {
  readonly access: ConsulAccess;
  /**
   * The stored record with its checks, as consumers get it; undefined when there is none. Of several at
   * different agents the one that has not lapsed.
   */
  entry(service: string, id: string): Promise<Entry | undefined>;
  /** Registers everything again, without checks, that the agent forgets during `wipe`. */
  putBack(wipe: () => Promise<void>): Promise<void>;
}

/** One element of a health answer, as far as tests look at it. */
export interface Entry {
  readonly Service: { readonly ID: string; readonly Weights: object; readonly Meta: object };
  readonly Checks: readonly {
    readonly CheckID: string;
    readonly Status: string;
    readonly Output: string;
  }[];
}

interface AgentService {
  readonly ID: string;
  readonly Service: string;
  readonly Address: string;
  readonly Port: number;
  readonly Meta: object;
  readonly Weights: object;
}

/** @param access  Of an agent that may do everything. */
export function rawConsul(access: ConsulAccess): RawConsul {
  async function expectOk(answer: Promise<ConsulAnswer>): Promise<ConsulAnswer> {
    const { status, body } = await answer;
    if (status !== 200) throw new Error(`Consul answered ${status}: ${String(body)}`);
    return answer;
  }

  /** The adapter enters a node under an id that is its own within the agent. */
  async function entry(service: string, id: string): Promise<Entry | undefined> {
    const path = `/v1/health/service/${encodeURIComponent(service)}`;
    const { body } = await expectOk(consulApi(access, "GET", path));
    const ids = [id, `${encodeURIComponent(service)}:${id}`];
    const found = (body as Entry[]).filter(({ Service: { ID } }) => ids.includes(ID));
    return found.find((one) => !isLapsed(one)) ?? found[0];
  }

  const register = (body: object): Promise<ConsulAnswer> =>
    expectOk(consulApi(access, "PUT", "/v1/agent/service/register", body));

  return {
    access,
    entry,
    async putBack(wipe) {
      const { body } = await expectOk(consulApi(access, "GET", "/v1/agent/services"));
      await wipe();
      for (const record of Object.values(body as Record<string, AgentService>)) {
        const { ID, Service: Name, Address, Port, Meta, Weights } = record;
        await register({ ID, Name, Address, Port, Meta, Weights });
      }
    },
    async put({ service, id, host, port, weight, metadata }) {
      await register({
        // Ids belong to the whole agent, which outlives the test.
        ID: `${encodeURIComponent(service)}:${id}`,
        Name: service,
        Address: host,
        Port: port,
        Meta: metadata ?? {},
        ...(weight === undefined ? {} : { Weights: { Passing: weight, Warning: 1 } }),
      });
    },
    async putGarbage(service) {
      await register({ ID: `${service}-garbage`, Name: service, Port: 99_999 });
    },
    async corrupt(service, id) {
      const stored = await entry(service, id);
      await register({
        ID: stored?.Service.ID,
        Name: service,
        Address: "192.0.2.1",
        Port: 9,
        Meta: { scribble: "yes" },
      });
    },
    async remove(service, id) {
      const stored = await entry(service, id);
      if (stored === undefined) return;
      const path = `/v1/agent/service/deregister/${encodeURIComponent(stored.Service.ID)}`;
      await expectOk(consulApi(access, "PUT", path));
    },
    async stored(service, id) {
      const stored = await entry(service, id);
      if (stored === undefined || isLapsed(stored)) return undefined;
      return { serving: stored.Checks.every(({ Status: status }) => status === "passing") };
    },
    async override(service, id) {
      const stored = await entry(service, id);
      const path = `/v1/agent/service/maintenance/${encodeURIComponent(stored?.Service.ID ?? "")}`;
      await expectOk(consulApi(access, "PUT", `${path}?enable=true&reason=by%20hand`));
      return { status: "draining" };
    },
  };
}

/** Consul keeps a record whose time ran out for another minute or two, out of service. */
function isLapsed({ Checks: checks }: Entry): boolean {
  return checks.some(({ Output: why }) => why.startsWith("TTL expired"));
}

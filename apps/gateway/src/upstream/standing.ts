import type { NodePool } from "./node-pool.ts";

/** Which nodes of one upstream a process treats apart now, by id. */
export interface Standing {
  /** Of the upstream. */
  readonly key: string;
  /** Left out because their requests failed. */
  readonly ejected: readonly string[];
  /** New, so they get a part of their weight. */
  readonly warming: readonly string[];
}

/** Those of this process; upstreams without such nodes are left out. */
export function standingsOf(pools: Iterable<NodePool>): readonly Standing[] {
  const standings: Standing[] = [];
  for (const { key, balancer } of pools) {
    const { ejected = [], warming = [] } = balancer;
    if (ejected.length === 0 && warming.length === 0) continue;
    const ids = (nodes: typeof ejected): readonly string[] => nodes.map(({ id }) => id);
    standings.push({ key, ejected: ids(ejected), warming: ids(warming) });
  }
  return standings;
}

/** Which nodes of one upstream are treated apart, and in how many processes, by id. */
export interface JointStanding {
  readonly ejected: ReadonlyMap<string, number>;
  readonly warming: ReadonlyMap<string, number>;
}

const nothing: JointStanding = { ejected: new Map(), warming: new Map() };

/** The standings of several processes: each judges by the requests that it has sent itself. */
export class JointStandings {
  readonly #byKey = new Map<
    string,
    { ejected: Map<string, number>; warming: Map<string, number> }
  >();

  /** @param processes  What {@link standingsOf} says in each of them. */
  constructor(processes: readonly (readonly Standing[])[]) {
    for (const { key, ejected, warming } of processes.flat()) {
      const joint = this.#byKey.get(key) ?? { ejected: new Map(), warming: new Map() };
      this.#byKey.set(key, joint);
      for (const id of ejected) joint.ejected.set(id, (joint.ejected.get(id) ?? 0) + 1);
      for (const id of warming) joint.warming.set(id, (joint.warming.get(id) ?? 0) + 1);
    }
  }

  /** @param key  Of the upstream. */
  of(key: string): JointStanding {
    return this.#byKey.get(key) ?? nothing;
  }
}

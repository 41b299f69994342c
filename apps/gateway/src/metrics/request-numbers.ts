/** Upper bounds of the histogram's buckets, in seconds. */
export const bucketsS: readonly number[] = [
  0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60,
];

/** Finished requests of one route, as plain numbers: what a request pays is a few additions. */
class RouteNumbers {
  readonly byStatus = new Map<number, number>();
  /** Requests per bucket, not added up; the last one is for those beyond all bounds. */
  readonly buckets: Float64Array = new Float64Array(bucketsS.length + 1);
  sumS = 0;

  add(status: number, elapsedS: number): void {
    this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + 1);
    let bucket = 0;
    while (bucket < bucketsS.length && elapsedS > bucketsS[bucket]!) bucket += 1;
    this.buckets[bucket]! += 1;
    this.sumS += elapsedS;
  }

  merge({ byStatus, buckets, sumS }: Omit<RequestsTaken, "route">): void {
    for (const [status, count] of byStatus) {
      this.byStatus.set(status, (this.byStatus.get(status) ?? 0) + count);
    }
    for (const [bucket, count] of buckets.entries()) this.buckets[bucket]! += count;
    this.sumS += sumS;
  }
}

/** What was counted of one route since it was last taken. */
export interface RequestsTaken {
  readonly route: string;
  readonly byStatus: readonly (readonly [status: number, count: number])[];
  readonly buckets: readonly number[];
  readonly sumS: number;
}

/** One value of a metric, as prom-client writes it out. */
export interface Value {
  readonly value: number;
  readonly labels: Readonly<Record<string, string | number>>;
  readonly metricName?: string;
}

/** Finished requests by route. */
export class RequestNumbers {
  readonly #routes = new Map<string, RouteNumbers>();
  #kept: ReadonlySet<string> | undefined;

  add(route: string, status: number, elapsedS: number): void {
    (this.#routes.get(route) ?? this.#meet(route)).add(status, elapsedS);
  }

  /** Takes out what was counted; counting starts anew. */
  take(): readonly RequestsTaken[] {
    const taken = [...this.#routes].map(([route, { byStatus, buckets, sumS }]) => ({
      route,
      byStatus: [...byStatus],
      buckets: [...buckets],
      sumS,
    }));
    this.#routes.clear();
    return taken;
  }

  /** Adds what another process has taken out. */
  merge(taken: readonly RequestsTaken[]): void {
    for (const { route, ...numbers } of taken) {
      (this.#routes.get(route) ?? this.#meet(route)).merge(numbers);
    }
  }

  /** Forgets routes that are no more: their series would stay for ever. */
  keep(routes: ReadonlySet<string>): void {
    this.#kept = routes;
    for (const route of this.#routes.keys()) if (!routes.has(route)) this.#routes.delete(route);
  }

  totals(): readonly Value[] {
    return this.#shown().flatMap(([route, { byStatus }]) =>
      [...byStatus].map(([status, value]) => ({ value, labels: { route, status } })),
    );
  }

  /** Values of a Prometheus histogram of that name. */
  histogram(name: string): readonly Value[] {
    return this.#shown().flatMap(([route, { buckets, sumS }]) => {
      let total = 0;
      const values: Value[] = [...buckets].map((count, bucket) => {
        total += count;
        const labels = { le: bucketsS[bucket] ?? "+Inf", route };
        return { value: total, labels, metricName: `${name}_bucket` };
      });
      values.push({ value: sumS, labels: { route }, metricName: `${name}_sum` });
      values.push({ value: total, labels: { route }, metricName: `${name}_count` });
      return values;
    });
  }

  /** What another process counted of a route that is no more may come in late. */
  #shown(): readonly (readonly [string, RouteNumbers])[] {
    return [...this.#routes].filter(([route]) => this.#kept?.has(route) !== false);
  }

  #meet(route: string): RouteNumbers {
    const numbers = new RouteNumbers();
    this.#routes.set(route, numbers);
    return numbers;
  }
}

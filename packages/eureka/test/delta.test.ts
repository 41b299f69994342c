import fc from "fast-check";
import { describe, expect, test } from "vitest";

import { type Apps, buildApps, hashOf, readApplications } from "../src/apps.ts";
import { BodyError } from "../src/body.ts";
import { applyDelta } from "../src/delta.ts";
import { isDoubtfulLoss } from "../src/loss.ts";
import { captured } from "./captures.ts";

function apps(records: readonly (readonly [app: string, id: string, status?: string])[]): Apps {
  const document = full(records.map(([app, id, status = "UP"]) => ({ app, id, status })));
  return buildApps(readApplications(document));
}

interface Stored {
  readonly app: string;
  readonly id: string;
  readonly status: string;
  readonly version?: number | undefined;
  readonly action?: string | undefined;
}

function full(records: readonly Stored[]): Record<string, unknown> {
  const names = [...new Set(records.map(({ app }) => app))];
  return {
    applications: {
      apps__hashcode: hashText(records),
      application: names.map((name) => ({
        name,
        instance: records
          .filter(({ app }) => app === name)
          .map(({ id, status, version, action }) => ({
            instanceId: id,
            status,
            hostName: `v${version ?? 0}`,
            actionType: action,
          })),
      })),
    },
  };
}

function hashText(records: readonly Stored[]): string {
  const counts = new Map<string, number>();
  for (const { status } of records) counts.set(status, (counts.get(status) ?? 0) + 1);
  return [...counts]
    .sort(([a], [b]) => (a < b ? -1 : 1))
    .map(([s, n]) => `${s}_${n}_`)
    .join("");
}

/** What a state says, whatever the order in which it came about. */
function plain(state: Apps | undefined): unknown {
  const texts = [...(state?.byName ?? [])].flatMap(([name, { instances }]) =>
    [...instances.values()].map(
      ({ key, status, fields }) => `${name}/${key} ${status} ${String(fields.hostName)}`,
    ),
  );
  return texts.sort();
}

describe("the hash", () => {
  test.each([
    [[], ""],
    [["UP", "UP"], "UP_2_"],
    [["UP", "DOWN", "UP"], "DOWN_1_UP_2_"],
    [
      ["UP", "DOWN", "UP", "OUT_OF_SERVICE", "STARTING", "UNKNOWN"],
      "DOWN_1_OUT_OF_SERVICE_1_STARTING_1_UNKNOWN_1_UP_2_",
    ],
  ])("of %j is %s", (statuses, hash) => {
    expect(hashOf(apps(statuses.map((status, index) => ["A", String(index), status])))).toBe(hash);
  });

  test("of a real server's registry is the one it gives", () => {
    for (const name of ["86-apps-full-json", "88-apps-full-xml", "01-empty-apps-json"]) {
      const document = readApplications(captured(name));
      expect(hashOf(buildApps(document))).toBe(document.hash);
    }
  });
});

describe("reading applications", () => {
  const one = { instanceId: "a", status: "UP" };
  test.each([
    ["arrays", { application: [{ name: "A", instance: [one] }] }],
    ["single objects", { application: { name: "A", instance: one } }],
    ["a name in the records only", { application: { instance: { ...one, app: "A" } } }],
    ["one underscore", { application: { name: "A", instance: one }, apps_hashcode: "UP_1_" }],
    ["cases side by side", { application: [{ name: "a", instance: one }, { name: "A" }] }],
  ])("%s", (_, applications) => {
    const state = buildApps(readApplications({ applications }));
    expect([...(state.byName.get("A")?.instances.keys() ?? [])]).toEqual(["a"]);
    expect(state.size).toBe(1);
  });

  test.each([
    [{}],
    [{ applications: null }],
    [{ applications: [] }],
    [{ applications: "none" }],
    [{ applications: { application: 5 } }],
    [{ applications: { application: "x" } }],
    [{ applications: { apps__hashcode: "UP_3_", application: [] } }],
    [{ applications: { apps__hashcode: "UP_3_" } }],
  ])("%j is not an empty registry", (document) => {
    expect(() => buildApps(readApplications(document))).toThrow(BodyError);
  });

  test("any document is a registry or a BodyError", () => {
    const anything = fc.jsonValue({ maxDepth: 3 });
    const oneOrMany = (one: fc.Arbitrary<unknown>): fc.Arbitrary<unknown> =>
      fc.oneof(one, fc.array(one, { maxLength: 4 }), anything);
    const name = fc.oneof(fc.constantFrom("A", "a", "__proto__", "toString", ""), anything);
    const instance = fc.record(
      {
        instanceId: name,
        hostName: anything,
        status: anything,
        actionType: anything,
        port: anything,
      },
      { requiredKeys: [] },
    );
    const application = fc.record({ name, instance: oneOrMany(instance) }, { requiredKeys: [] });
    const applications = fc.record(
      { application: oneOrMany(application), apps__hashcode: anything, versions__delta: anything },
      { requiredKeys: [] },
    );
    const base = apps([["A", "a"]]);
    fc.assert(
      fc.property(fc.oneof(applications, anything), (value) => {
        try {
          const document = readApplications({ applications: value });
          applyDelta(base, document);
          const state = buildApps(document);
          hashOf(state);
          const sizes = [...state.byName.values()].map(({ instances }) => instances.size);
          expect(state.size).toBe(sizes.reduce((a, b) => a + b, 0));
        } catch (error) {
          expect(error).toBeInstanceOf(BodyError);
        }
      }),
      { numRuns: 1_000 },
    );
  });

  test("an application whose records cannot be read harms no other", () => {
    const state = buildApps(
      readApplications({
        applications: {
          application: [null, { name: "BAD", instance: 5 }, { name: "A", instance: one }],
        },
      }),
    );
    expect(state.byName.get("A")?.problem).toBeUndefined();
    expect(state.byName.get("BAD")?.problem).toBe("the application's instances are no list");
  });
});

describe("a delta", () => {
  const before = apps([
    ["A", "a"],
    ["A", "b"],
    ["B", "c"],
  ]);
  function apply(records: readonly Stored[], hash: string): Apps | undefined {
    const { applications } = full(records) as { applications: object };
    return applyDelta(
      before,
      readApplications({ applications: { ...applications, apps__hashcode: hash } }),
    );
  }

  test("adds, changes and removes; the untouched stays the same object", () => {
    const after = apply(
      [
        { app: "A", id: "a", status: "UP", action: "DELETED" },
        { app: "A", id: "b", status: "DOWN", action: "MODIFIED" },
        { app: "C", id: "d", status: "UP", action: "ADDED" },
      ],
      "DOWN_1_UP_2_",
    );
    expect(plain(after)).toEqual(
      plain(
        apps([
          ["A", "b", "DOWN"],
          ["B", "c"],
          ["C", "d"],
        ]),
      ),
    );
    expect(after?.size).toBe(3);
    expect(after?.byName.get("B")).toBe(before.byName.get("B"));
  });

  test("that says nothing new leaves the very same state", () => {
    const said = [
      { app: "A", id: "a", status: "DOWN", action: "MODIFIED" },
      { app: "B", id: "c", status: "UP", action: "DELETED" },
      { app: "B", id: "c", status: "UP", action: "ADDED" },
      { app: "A", id: "a", status: "UP", action: "MODIFIED" },
      { app: "D", id: "e", status: "UP", action: "DELETED" },
    ];
    expect(apply(said, "UP_3_")).toBe(before);
  });

  test("an application without records is gone", () => {
    const after = apply([{ app: "B", id: "c", status: "UP", action: "DELETED" }], "UP_2_");
    expect(after?.byName.has("B")).toBe(false);
  });

  test("an id that was cancelled and entered again is there", () => {
    const twice = [
      { app: "B", id: "c", status: "UP", action: "DELETED" },
      { app: "B", id: "c", status: "UP", action: "ADDED" },
    ];
    expect(apply(twice, "UP_3_")?.byName.get("B")?.instances.has("c")).toBe(true);
  });

  test.each([
    ["the hash differs", [], "UP_4_"],
    [
      "a change is of an unknown kind",
      [{ app: "A", id: "a", status: "UP", action: "RENAMED" }],
      "UP_3_",
    ],
    ["a change is of no kind", [{ app: "A", id: "a", status: "UP" }], "UP_3_"],
  ])("is no use when %s", (_, records, hash) => {
    expect(apply(records, hash)).toBeUndefined();
  });

  test("is no use without a hash", () => {
    expect(applyDelta(before, readApplications({ applications: {} }))).toBeUndefined();
  });

  test("a follower's state is the server's, whatever happens and however late it looks", () => {
    const status = fc.constantFrom("UP", "DOWN", "STARTING", "OUT_OF_SERVICE", "UNKNOWN");
    const operation = fc.record({
      app: fc.constantFrom("A", "B", "C"),
      id: fc.constantFrom("1", "2", "3"),
      status,
      kind: fc.constantFrom("put", "put", "delete", "look"),
    });
    fc.assert(
      fc.property(fc.array(operation, { maxLength: 60 }), fc.nat(10), (operations, window) => {
        const server = new Map<string, Stored>();
        const log: Stored[] = [];
        let followed = apps([]);
        let seen = 0;
        let version = 0;
        const look = (): void => {
          // Entries leave the window only when they are old; a follower that is later reads everything.
          const start = Math.max(0, log.length - Math.max(window, log.length - seen));
          const { applications } = full(log.slice(start)) as { applications: object };
          const hash = hashText([...server.values()]);
          const delta = readApplications({
            applications: { ...applications, apps__hashcode: hash },
          });
          const after = applyDelta(followed, delta);
          expect(after).toBeDefined();
          followed = after as Apps;
          seen = log.length;
          expect(plain(followed)).toEqual(
            plain(buildApps(readApplications(full([...server.values()])))),
          );
        };
        for (const { app, id, status, kind } of operations) {
          const key = `${app}/${id}`;
          const stored = server.get(key);
          if (kind === "look") look();
          else if (kind === "put") {
            version += 1;
            const next = {
              app,
              id,
              status,
              version,
              action: stored === undefined ? "ADDED" : "MODIFIED",
            };
            server.set(key, next);
            log.push(next);
          } else if (stored !== undefined) {
            server.delete(key);
            log.push({ ...stored, action: "DELETED" });
          }
        }
        look();
      }),
      { numRuns: 300 },
    );
  });
});

describe("a loss found by reading everything", () => {
  const many = apps([
    ["A", "1"],
    ["A", "2"],
    ["B", "3"],
    ["B", "4"],
  ]);
  test.each([
    ["nothing lost", many, false, false],
    [
      "a few",
      apps([
        ["A", "1"],
        ["A", "2"],
        ["B", "3"],
      ]),
      false,
      false,
    ],
    [
      "a half",
      apps([
        ["A", "1"],
        ["A", "2"],
      ]),
      false,
      false,
    ],
    ["more than half", apps([["A", "1"]]), false, true],
    ["everything", apps([]), false, true],
    [
      "one, and the counter started over",
      apps([
        ["A", "1"],
        ["A", "2"],
        ["B", "3"],
      ]),
      true,
      true,
    ],
    ["none, and the counter started over", many, true, false],
    [
      "one of many others, and the counter started over",
      apps([
        ["A", "1"],
        ["A", "2"],
        ["B", "3"],
        ["C", "4"],
        ["C", "5"],
      ]),
      true,
      true,
    ],
  ])("%s", (_, after, wentBack, expected) => {
    expect(isDoubtfulLoss(many, after, wentBack)).toBe(expected);
  });

  test("an empty registry cannot lose", () => {
    expect(isDoubtfulLoss(apps([]), apps([]), true)).toBe(false);
  });
});

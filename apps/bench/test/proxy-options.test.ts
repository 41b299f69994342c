import { describe, expect, it } from "vitest";

import { allLoads, allTargets, targetsOf } from "../src/proxy/catalogue.ts";
import { parseCommand, usage } from "../src/proxy/options.ts";

const loads = allLoads.map(({ name }) => name);
const targets = allTargets.map(({ name }) => name);
const parse = (...args: string[]) => parseCommand(args, loads, targets);

describe("flags of the proxy benchmark", () => {
  it("left out, run everything", () => {
    expect(parse()).toEqual({ kind: "measure", loads, targets: undefined, rounds: 3, seconds: 4 });
  });

  it("choose loads, targets, rounds and seconds", () => {
    const args = ["--only", "post,small", "--targets=nginx,engine", "--rounds", "7", "--seconds=1"];
    expect(parse(...args)).toEqual({
      kind: "measure",
      loads: ["post", "small"],
      targets: ["nginx", "engine"],
      rounds: 7,
      seconds: 1,
    });
  });

  it("run the gate, which has its own loads, targets and rounds", () => {
    expect(parse("--gate", "--seconds", "2")).toEqual({ kind: "gate", seconds: 2 });
    expect(parse("--gate", "--rounds", "9")).toEqual({
      kind: "wrong",
      message: "--gate has its own rounds; leave --rounds out",
    });
  });

  it.each([
    [["--only", "smal"], /--only "smal" must be of small, large/],
    [["--targets", ","], /--targets "," must be of nginx/],
    [["--rounds", "0"], /--rounds "0" must be a whole number from 1 to 100/],
    [["--seconds", "1e1"], /--seconds "1e1" must be a whole number from 1 to 120/],
    [["--sceonds", "1"], /--sceonds/],
    [["small"], /small/],
  ])("%j are refused", (args, message) => {
    expect(parse(...args)).toEqual({ kind: "wrong", message: expect.stringMatching(message) });
  });

  it("are all in the help", () => {
    expect(parse("-h")).toEqual({ kind: "help" });
    const text = usage(loads, targets);
    for (const name of [...loads, ...targets, "--gate"]) expect(text).toContain(name);
  });
});

it("a target meant for one load is run on others when asked for", () => {
  const large = allLoads.find(({ name }) => name === "large")!;
  const named = (asked?: readonly string[]) => targetsOf(large, asked).map(({ name }) => name);
  expect(named()).toContain("nginx-64k");
  expect(named()).not.toContain("nginx-log");
  expect(named(["nginx-log"])).toEqual(["nginx-log"]);
});

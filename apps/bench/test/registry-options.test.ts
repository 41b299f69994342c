import { describe, expect, it } from "vitest";

import { parseCommand, usage } from "../src/registry/options.ts";

const names = {
  registries: ["etcd", "Consul"],
  measures: ["visible", "gone"],
  sides: ["rollcall", "etcd3"],
};
const parse = (...args: string[]) => parseCommand(args, names);

describe("flags of the registry benchmark", () => {
  it("left out, run everything", () => {
    expect(parse()).toEqual({
      kind: "measure",
      registries: names.registries,
      measures: names.measures,
      sides: undefined,
      defaults: false,
      amounts: {
        rounds: 5,
        changes: undefined,
        kills: 8,
        seconds: 60,
        clients: 1_000,
        watches: 10,
      },
    });
  });

  it("choose registries in any case, in the order in which they are known", () => {
    expect(parse("--only", "consul,ETCD", "--measures=gone", "--kills", "3")).toMatchObject({
      registries: ["etcd", "Consul"],
      measures: ["gone"],
      amounts: { kills: 3 },
    });
  });

  it.each([
    [["--only", "zookeper"], /--only "zookeper" must be of etcd, Consul/],
    [["--sides", ","], /--sides "," must be of rollcall, etcd3/],
    [["--seconds", "0"], /--seconds "0" must be a whole number from 1 to 3600/],
    [["--clients", "1e3"], /--clients "1e3" must be a whole number from 1 to 20000/],
    [["--tls"], /--tls/],
  ])("%j is wrong", (args, message) => {
    const command = parse(...args);
    expect(command).toMatchObject({ kind: "wrong" });
    expect((command as { message: string }).message).toMatch(message);
  });

  it("are all in the help", () => {
    const text = usage(names, { visible: "how soon" });
    for (const word of ["--defaults", "--watches", "visible      how soon", "etcd, Consul"]) {
      expect(text).toContain(word);
    }
  });
});

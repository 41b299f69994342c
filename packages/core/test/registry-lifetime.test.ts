import { DiscoveryError, type Registration } from "@rollcall/core";
import { RegistryLifetime } from "@rollcall/core/adapter";
import { expect, test, vi } from "vitest";

/** A registration that only knows whether it was disposed. */
function standing(told: string[] = []): Registration {
  const dispose = vi.fn<() => Promise<void>>(async () => void told.push("deregistered"));
  return { [Symbol.asyncDispose]: dispose } as unknown as Registration;
}

test("a call's signal fires when the caller gives up, or when the registry is disposed", async () => {
  const life = new RegistryLifetime("mine");
  const caller = new AbortController();
  const [both, own] = [life.linked(caller.signal), life.linked(undefined)];
  caller.abort(new Error("the caller's"));
  expect(both.reason).toEqual(new Error("the caller's"));
  expect(own.aborted).toBe(false);
  expect(() => life.linked(caller.signal)).toThrow("the caller's");
  await life.end(() => {});
  expect(own.reason).toMatchObject({ code: "CLOSED", registry: "mine" });
  expect(() => life.linked(undefined)).toThrow(DiscoveryError);
});

test("what stands is deregistered, then connections are closed, once", async () => {
  const told: string[] = [];
  const life = new RegistryLifetime("mine");
  await life.enter(async () => standing(told));
  const release = vi.fn<() => void>(() => void told.push("released"));
  await Promise.all([life.end(release), life.end(release)]);
  expect(told).toEqual(["deregistered", "released"]);
  expect(release).toHaveBeenCalledExactlyOnceWith(life.signal.reason);
});

test("what was closed before is left alone", async () => {
  const life = new RegistryLifetime("mine");
  let leave: (registration: Registration) => void = () => expect.fail();
  const registration = await life.enter(async (left) => {
    leave = left;
    return standing();
  });
  leave(registration);
  await life.end(() => {});
  expect(registration[Symbol.asyncDispose]).not.toHaveBeenCalled();
});

test("disposal waits for what is on its way: taken back, or deregistered once it stands", async () => {
  const told: string[] = [];
  const life = new RegistryLifetime("mine");
  const late = Promise.withResolvers<Registration>();
  const entered = life.enter(() => late.promise);
  const refused = life.enter(
    () =>
      new Promise((_, reject) => {
        life.signal.addEventListener("abort", () => reject(life.signal.reason as Error));
      }),
  );
  const ended = life.end(() => void told.push("released"));
  await expect(refused).rejects.toMatchObject({ code: "CLOSED" });
  expect(told).toEqual([]);
  late.resolve(standing(told));
  await ended;
  expect(told).toEqual(["deregistered", "released"]);
  await entered;
});

test("an entry that throws at once is a refusal as any other", async () => {
  const life = new RegistryLifetime("mine");
  const refused = life.enter(() => {
    throw new Error("refused");
  });
  await expect(refused).rejects.toThrow("refused");
  await life.end(() => {});
});

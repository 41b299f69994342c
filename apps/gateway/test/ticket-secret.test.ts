import { expect, onTestFinished, test, vi } from "vitest";

import { TicketSecret } from "../src/ticket-secret.ts";

test("is another one every hour, until it is ended; who follows is told", () => {
  vi.useFakeTimers();
  onTestFinished(() => void vi.useRealTimers());
  const ending = new AbortController();
  const secret = new TicketSecret();
  const told: string[] = [];
  secret.follow((one) => told.push(Buffer.from(one).toString("hex")));
  secret.keepRenewing(ending.signal);
  vi.advanceTimersByTime(3_599_999);
  expect(told).toHaveLength(1);
  vi.advanceTimersByTime(1);
  vi.advanceTimersByTime(3_600_000);
  expect(new Set(told).size).toBe(3);
  for (const one of told) expect(one).toMatch(/^[0-9a-f]{96}$/);
  ending.abort();
  expect(vi.getTimerCount()).toBe(0);
});

test("one that others renew is as they say", () => {
  const [theirs, ours] = [new TicketSecret(), new TicketSecret()];
  expect(ours.current).not.toEqual(theirs.current);
  theirs.follow((secret) => ours.renew(secret));
  expect(ours.current).toEqual(theirs.current);
  theirs.renew();
  expect(ours.current).toEqual(theirs.current);
});

import assert from "node:assert/strict";

/** Waits for a condition, with a deadline that only a hang can reach. */
export async function until(
  condition: () => boolean | Promise<boolean>,
  what: string,
): Promise<void> {
  const giveUpAtMs = performance.now() + 20_000;
  while (!(await condition())) {
    assert.ok(performance.now() < giveUpAtMs, `waited too long for ${what}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}

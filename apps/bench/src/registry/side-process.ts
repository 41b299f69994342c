/** Clients of one registry in a process of their own: their CPU and memory are nobody else's. */
import { backends } from "./backends.ts";
import { sideCalls } from "./side-calls.ts";
import type { SideSettings } from "./side.ts";

const [backendName = "", sideName = "", url = "", settings = "{}"] = process.argv.slice(2);
const backend = backends.find(({ name }) => name === backendName);
const spec = backend?.sides[sideName];
if (backend === undefined || spec === undefined) throw new Error(`no ${backendName} ${sideName}`);

const calls = sideCalls({
  backend,
  sideName,
  url,
  settings: JSON.parse(settings) as SideSettings,
});

interface Question {
  readonly id: number;
  readonly call: keyof typeof calls;
  readonly args: readonly unknown[];
}

async function answer({ id, call, args }: Question): Promise<void> {
  try {
    const act = calls[call] as (...args: readonly unknown[]) => unknown;
    process.send?.({ id, value: (await act(...args)) ?? null });
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? error.message : String(error) });
  }
}

process.on("message", (question: Question) => void answer(question));
// The parent is gone, or done with us; some clients cannot be ended otherwise.
process.on("disconnect", () => process.exit());

/** One side of one measurement, in a process of its own: its CPU and memory are nobody else's. */
import { backends } from "./backends.ts";
import { idle } from "./idle.ts";
import { large } from "./large.ts";
import { registered } from "./registered.ts";
import type { SideName } from "./side.ts";
import { visible } from "./visible.ts";

const [name = "", sideName = "ours", measure = "", url = ""] = process.argv.slice(2);
const backend = backends.find((one) => one.name === name);
if (backend === undefined) throw new Error(`no backend ${name}`);
const side = backend[sideName as SideName](url);

let answered = (): void => undefined;
process.on("message", () => answered());
function ask(question: object): Promise<void> {
  return new Promise((resolve) => {
    answered = resolve;
    process.send?.(question);
  });
}

async function measured(): Promise<object> {
  switch (measure) {
    case "visible":
      return visible(side);
    case "large":
      return large(side, (index, version) => ask({ ask: "change", index, version }));
    case "idle":
      return idle(side, (moment) => ask({ ask: moment }));
    case "registered":
      return registered(side, (moment) => ask({ ask: moment }));
    default:
      throw new Error(`no measure ${measure}`);
  }
}

process.send?.({ result: await measured() });
// A client that cannot be ended must not end the benchmark.
setTimeout(() => process.exit(0), 5_000).unref();
await side[Symbol.asyncDispose]();
process.disconnect();

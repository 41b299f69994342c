import type { FleetCalls } from "./calls.ts";
import type { SideMaker } from "./side-maker.ts";

const atOnce = 200;

export function fleetCalls({ first, another }: SideMaker): FleetCalls {
  const clientAt = (at: number) => (at === 0 ? first() : another());
  return {
    async watchMany(prefix, services, clients, deadlineMs) {
      let answered = 0;
      const watches: (() => Promise<void>)[] = [];
      for (let client = 0; client < clients; client += 1) {
        const side = clientAt(client);
        for (let service = 0; service < services; service += 1) {
          watches.push(async () => {
            await (await side).watch(`${prefix}${service}`, () => undefined);
            answered += 1;
          });
        }
      }
      // Some clients never get that far; what they do meanwhile is counted all the same.
      const late = Promise.withResolvers<void>();
      const timer = setTimeout(late.resolve, deadlineMs);
      await Promise.race([pooled(watches), late.promise]);
      clearTimeout(timer);
      return answered;
    },
    async registerMany(prefix, services, from, clients) {
      const registrations: (() => Promise<void>)[] = [];
      for (let client = 0; client < clients; client += 1) {
        const side = clientAt(client);
        for (let service = 0; service < services; service += 1) {
          const name = `${prefix}${from + client}-${service}`;
          registrations.push(async () => (await side).register(name, "1"));
        }
      }
      await pooled(registrations);
    },
  };
}

async function pooled(tasks: readonly (() => Promise<void>)[]): Promise<void> {
  const left = tasks.toReversed();
  const worker = async (): Promise<void> => {
    for (let task = left.pop(); task !== undefined; task = left.pop()) await task();
  };
  await Promise.all(Array.from({ length: atOnce }, worker));
}

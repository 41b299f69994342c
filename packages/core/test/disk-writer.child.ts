// Writes one snapshot, or with a round one after the other until it is killed: `node disk-writer.child.ts <directory> <nodes> [<round>]`.
// Prints a line for each write that failed, and one when the first has been made.
import { DiskStore } from "../src/disk-store.ts";
import { DiscoveryError } from "../src/error.ts";
import { nodes } from "./scripted-registry.ts";

const [, , directory = "", count, round] = process.argv;
const disk = new DiskStore(directory, { name: "scripted", identity: "scripted:a" });
let generation = 1 + Number(round ?? 0) * 1_000_000;
for (;;) {
  // Sizes differ, so that a mixture of two files could not pass for one of them.
  const set = nodes(0, Number(count) + (generation % 50), { weight: generation });
  try {
    await disk.save({ service: "orders" }, set, generation);
    if (generation % 1_000_000 === 1) process.stdout.write("saved\n");
  } catch (error) {
    process.stdout.write(`${error instanceof DiscoveryError ? error.reason : String(error)}\n`);
  }
  generation += 1;
  if (round === undefined) break;
}

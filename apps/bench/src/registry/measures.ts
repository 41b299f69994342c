import type { Measure } from "./measure.ts";
import { gone } from "./measures/gone.ts";
import { large } from "./measures/large.ts";
import { consumers, idle, providers, registered } from "./measures/load.ts";
import { visible } from "./measures/visible.ts";

/** Every measure there is. */
export const measures: readonly Measure[] = [
  visible,
  gone,
  large,
  idle,
  registered,
  consumers,
  providers,
];

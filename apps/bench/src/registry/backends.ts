import { consul } from "./consul.ts";
import { etcd } from "./etcd.ts";
import type { Backend } from "./side.ts";

/** Every registry that is measured. */
export const backends: readonly Backend[] = [etcd, consul];

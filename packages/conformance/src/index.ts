export { conformance } from "./conformance.ts";
export { faultProxy, type FaultProxy } from "./fault-proxy.ts";
export type { FaultTarget } from "./faulty-connection.ts";
export type { Faults } from "./faults.ts";
export { memorySubject, type MemorySubjectOptions } from "./memory-subject.ts";
export { type RuleId, ruleIds } from "./rule-id.ts";
export { nameEndings } from "./rules/names.ts";
export type { Runner } from "./runner.ts";
export type {
  Ability,
  Activity,
  Bed,
  ChildEntry,
  ConnectOptions,
  Raw,
  RawRecord,
  Subject,
  Timing,
} from "./subject.ts";
export { renderTraitsTable, type TraitsColumn } from "./traits-table.ts";

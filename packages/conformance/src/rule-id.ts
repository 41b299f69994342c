/** Every rule of the contract, in order. */
export const ruleIds = [
  "R1",
  "R2",
  "R3",
  "R4",
  "R5",
  "R6",
  "R7",
  "R8",
  "R9",
  "R10",
  "R11",
  "R12",
  "R13",
  "R14",
  "R15",
  "R16",
  "R17",
  "R18",
  "R19",
  "R20",
] as const;

/** Names a rule of `docs/contract.md`. */
export type RuleId = (typeof ruleIds)[number];

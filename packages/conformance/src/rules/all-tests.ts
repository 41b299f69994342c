import type { RuleTest } from "../rule.ts";
import { continuityTests } from "./continuity.ts";
import { credentialTests } from "./credentials.ts";
import { disposalTests } from "./disposal.ts";
import { drainingTests } from "./draining.ts";
import { firstSetTests } from "./first-set.ts";
import { halfOpenTests } from "./half-open.ts";
import { leavingTests } from "./leaving.ts";
import { nameTests } from "./names.ts";
import { outageTests } from "./outage.ts";
import { ownershipTests } from "./ownership.ts";
import { protectionTests } from "./protection.ts";
import { recordTests } from "./records.ts";
import { returnTests } from "./return.ts";
import { roundTripTests } from "./round-trip.ts";
import { sharingTests } from "./sharing.ts";
import { slowConsumerTests } from "./slow-consumer.ts";
import { suspensionTests } from "./suspension.ts";
import { takeoverTests } from "./takeover.ts";
import { updateTests } from "./updates.ts";
import { valueTests } from "./values.ts";

/** The whole suite, in the order of the rules. */
export const allTests: readonly RuleTest[] = [
  firstSetTests,
  outageTests,
  protectionTests,
  returnTests,
  ownershipTests,
  leavingTests,
  takeoverTests,
  recordTests,
  nameTests,
  slowConsumerTests,
  disposalTests,
  sharingTests,
  halfOpenTests,
  continuityTests,
  updateTests,
  valueTests,
  suspensionTests,
  credentialTests,
  roundTripTests,
  drainingTests,
].flat();

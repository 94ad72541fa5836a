import type { Cause } from "../host-first/index.ts";

/** What the box has too little of, as requesters read it. */
const NEEDS: Record<Cause, string> = {
  cpu: "its processors are busy",
  memory: "its memory is short",
  io: "its medium is busy",
  heat: "it is too hot",
  power: "its power is low",
};

/**
 * Why nothing is given for a while, as `AdmissionState.needsItself`: who waits has waited for long, and is not to be let in only to
 * fail because libvirt or the reaper is just being started anew.
 * @param trouble why no machine could be made now
 */
export function needsItself(causes: readonly Cause[], trouble: string | undefined): string | undefined {
  const needs = causes.map((cause) => NEEDS[cause]);
  if (trouble !== undefined) needs.push("what makes its machines is starting anew");
  return needs.join(", ") || undefined;
}

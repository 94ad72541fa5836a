import { OFFENCES } from "../../src/vm/egress/index.ts";
import type { LeaseTraffic } from "../../src/vm/watch/index.ts";
import type { LeakCase } from "./vm-leak-cases.ts";

/** One is too short for anything to be looked for. */
export const hasMark = ({ frames }: LeakCase): boolean =>
  frames("here is a mark").some((frame) => Buffer.from(frame).includes("here is a mark"));

/** Whether its frames are counted: as an offence, or as what any system sends. */
export const isCounted = ({ fate }: LeakCase): boolean => !["tunnel", "held", "answered"].includes(fate);

/** @returns what the box counted that it should not have, or did not count; "": nothing */
export function countedWrong(leak: LeakCase, before: LeaseTraffic, after: LeaseTraffic): string {
  const rose = [
    ...OFFENCES.map((offence) => [offence, after.rogue[offence] - before.rogue[offence]] as const),
    ["noise", after.noise - before.noise] as const,
  ].filter(([, packets]) => packets > 0);
  const is = rose.map(([name, packets]) => `${packets} ${name}`).join(" and ");
  const should = isCounted(leak) ? `${leak.frames("").length} ${leak.fate}` : "";
  return is === should ? "" : `counted as ${is || "nothing"}`;
}

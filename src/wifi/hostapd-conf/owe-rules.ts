import { isDeepStrictEqual } from "node:util";
import type { ConfProblem } from "../hostap-syntax/index.ts";
import type { BssOptions, OweTransition } from "./options.ts";

/**
 * What is wrong with the transition from open to OWE (Wi-Fi Alliance, Opportunistic Wireless Encryption 1.1, 2.2): an
 * open network that is seen and an encrypted one that is not, each pointing at the other.
 */
export function* oweProblems(all: readonly BssOptions[]): Generator<ConfProblem> {
  for (const [index, bss] of all.entries()) {
    const transition = transitionOf(bss);
    if (transition === undefined) continue;
    const where = `bss[${index}]`;
    if (bss.security.kind === "owe" && bss.hidden === undefined)
      yield { field: `${where}.hidden`, why: "the encrypted one of a transition is hidden" };
    if (bss.security.kind === "open" && bss.hidden !== undefined)
      yield { field: `${where}.hidden`, why: "the open one of a transition is seen" };
    // hostapd puts both addresses into beacons before the second interface is there.
    if (bss.bssid === undefined) yield { field: `${where}.bssid`, why: "a transition needs it" };
    if (bss.controlDirectory === undefined)
      yield { field: `${where}.controlDirectory`, why: "a transition needs it for each of the two" };
    const other = all.find((candidate) => pointsAt(transition, candidate));
    if (other !== undefined) yield* pairProblems(bss, other, transition, `${where}.security.transition`);
  }
}

function* pairProblems(
  bss: BssOptions,
  other: BssOptions,
  transition: OweTransition,
  field: string,
): Generator<ConfProblem> {
  const wanted = bss.security.kind === "open" ? "owe" : "open";
  if (other.security.kind !== wanted) {
    yield { field, why: `${other.interface} is ${other.security.kind}, not ${wanted}` };
    return;
  }
  const back = transitionOf(other);
  if (back === undefined || !pointsAt(back, bss))
    yield { field, why: `${other.interface} does not point back at ${bss.interface}` };
  if ("ssid" in transition && !isDeepStrictEqual(transition.ssid, other.ssid))
    yield { field: `${field}.ssid`, why: `is not the name of ${other.interface}` };
  if (isDeepStrictEqual(bss.ssid, other.ssid))
    yield { field, why: `${other.interface} needs a name of its own` };
}

function transitionOf({ security }: BssOptions): OweTransition | undefined {
  return security.kind === "open" || security.kind === "owe" ? security.transition : undefined;
}

function pointsAt(transition: OweTransition, bss: BssOptions): boolean {
  return "interface" in transition ? transition.interface === bss.interface : transition.bssid === bss.bssid;
}

import { ipToBytes } from "../../host/ip-address.ts";
import { addressScope } from "../discovery/address-policy.ts";
import type { Endpoint } from "../paths/endpoint.ts";

/** Families in which two ends could be relayed, the preferred first. */
export function sharedFamily(own: readonly Endpoint[], theirs: readonly Endpoint[]): 4 | 6 {
  const both = (family: 4 | 6) => [own, theirs].every((ends) => ends.some((end) => familyOf(end) === family));
  return both(4) || !both(6) ? 4 : 6;
}

export const familyOf = ({ address }: Endpoint): 4 | 6 => (address.includes(":") ? 6 : 4);

/** Whether two addresses look like ones of the same link: the first 24 bits of IPv4, 64 of IPv6. */
export function lookNear(a: Endpoint, b: Endpoint): boolean {
  return familyOf(a) === familyOf(b) && networkPart(a.address) === networkPart(b.address);
}

/** Their endpoints in the order in which they are worth trying: what looks like our own link first, else as they said. Families that we do not have are left out. */
export function candidateOrder(own: readonly Endpoint[], theirs: readonly Endpoint[]): Endpoint[] {
  const possible = theirs.filter((end) => own.some((mine) => familyOf(mine) === familyOf(end)));
  const isNear = (end: Endpoint) => own.some((mine) => lookNear(mine, end));
  return [...possible.filter(isNear), ...possible.filter((end) => !isNear(end))];
}

/** Which of a relay's addresses to go to: one that looks like our own link, else one that the whole internet can reach, else its first. */
export function nearestRelay(own: readonly Endpoint[], offered: readonly Endpoint[]): Endpoint | undefined {
  return (
    offered.find((end) => own.some((mine) => lookNear(mine, end))) ??
    offered.find(({ address }) => !isPrivate(address)) ??
    offered[0]
  );
}

const isPrivate = (address: string): boolean => addressScope(address) === "private";

const networkPart = (address: string): string =>
  (ipToBytes(address) ?? new Uint8Array()).subarray(0, address.includes(":") ? 8 : 3).join(".");

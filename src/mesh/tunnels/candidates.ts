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

/** RFC 1918, RFC 6598, RFC 4193. */
const isPrivate = (address: string): boolean =>
  /^(10\.|192\.168\.|172\.(1[6-9]|2\d|3[01])\.|100\.(6[4-9]|[7-9]\d|1[01]\d|12[0-7])\.|f[cd])/i.test(address);

function networkPart(address: string): string {
  if (!address.includes(":")) return address.split(".").slice(0, 3).join(".");
  const [head = "", tail = ""] = address.toLowerCase().split("::");
  const groups = head === "" ? [] : head.split(":");
  const rest = tail === "" ? [] : tail.split(":");
  const zeros = address.includes("::") ? Array(Math.max(0, 8 - groups.length - rest.length)).fill("0") : [];
  return [...groups, ...zeros, ...rest]
    .slice(0, 4)
    .map((group) => Number.parseInt(group, 16).toString(16))
    .join(":");
}

/** A line of `iw event`: a station that the kernel has made or removed. */
export interface PeerEvent {
  interface: string;
  peer: string;
  what: "new" | "gone";
}

/** @returns undefined where it tells of something else */
export function parsePeerEvent(line: string): PeerEvent | undefined {
  const [, name, what, peer] =
    /^(\S{1,15})(?: \(phy #\d+\))?: (new|del) station ((?:[0-9a-f]{2}:){5}[0-9a-f]{2})$/.exec(line) ?? [];
  if (name === undefined || peer === undefined) return undefined;
  return { interface: name, peer, what: what === "new" ? "new" : "gone" };
}

/** The peers of one interface whose links stand, from what `iw dev NAME station dump` prints. */
export function parseEstablishedPeers(text: string): string[] {
  return text
    .split(/^Station /m)
    .slice(1)
    .filter((block) => /^\s*mesh plink:\s*ESTAB$/m.test(block))
    .flatMap((block) => /^[0-9a-f:]{17}/.exec(block)?.[0] ?? []);
}

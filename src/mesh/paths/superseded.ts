import type { PathKind, PathStatus, PathTarget } from "./paths-interface.ts";

/** What is known of a path to the same peer. */
export interface KnownWay {
  kind: PathKind;
  target: PathTarget;
  state: PathStatus["state"];
}

/**
 * Whether a way adds nothing to those that work but its proofs: a stream goes over the same wires as datagrams, so it is
 * for where they do not pass by themselves; and where the peer is on a link of ours, another box to forward is most
 * likely on the same link, which dies with it. Beyond a link it is another way. Pure.
 */
export function isSuperseded(by: PathTarget["by"], others: readonly KnownWay[]): boolean {
  const isGood = ({ state }: KnownWay) => state === "good";
  if (by === "stream") return others.some((way) => isGood(way) && way.target.by === "udp");
  if (by === "relay")
    return others.some((way) => isGood(way) && (way.kind === "ethernet" || way.kind === "radio"));
  return false;
}

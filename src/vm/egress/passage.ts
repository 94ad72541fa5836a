import {
  accept,
  anyOf,
  count,
  ct,
  dnat,
  drop,
  jump,
  match,
  type NftCommand,
  type NftStatement,
  over,
  payload,
} from "../../host/nft.ts";
import { GUEST_LINK } from "../guest-link.ts";
import { comesBy, egressTable, leavesBy, show } from "./egress-table.ts";

/**
 * Tracked connections of one machine at a time. The kernel's table is one for all namespaces in its memory, and its
 * limit (`nf_conntrack_max`) holds for each of them: without one of its own a flood would take what the box needs.
 */
export const MAX_CONNECTIONS = 4_096;

export interface Passage {
  tap: string;
  tunnel: string;
  /** The machine's address inside the tunnel. */
  address: string;
  newConnectionsPerS: number;
}

/**
 * What passes the namespace: from the TAP into the tunnel and back, and nothing else. Names interfaces and not their
 * numbers, so that it stands before either of them is there.
 *
 * Connections are tracked, for errors about a packet (RFC 792) hold its addresses and must be changed with it; a
 * connection that is refused is never entered into the table.
 */
export function passage({ tap, tunnel, address, newConnectionsPerS }: Passage): NftCommand[] {
  const t = egressTable("inet");
  const isNew = match(ct("state"), "new", "in");
  const isInvalid = match(ct("state"), "invalid", "in");
  const toGuest = match(payload("ip", "daddr"), GUEST_LINK.guestAddress);
  const tooFast = over(newConnectionsPerS, "second", newConnectionsPerS);
  const tooMany: NftStatement = { "ct count": { val: MAX_CONNECTIONS, inv: true } };
  const filter = (name: string, hook: string, prio: number) =>
    t.base(name, { type: "filter", hook, prio, policy: "drop" });
  const nat = (name: string, hook: string, prio: number) =>
    t.base(name, { type: "nat", hook, prio, policy: "accept" });
  return [
    ...t.replace,
    ...["up", "down", "box", "forward", "flood", "untracked", "unasked"].map((name) => t.counter(name)),

    filter("input", "input", 0),
    show(t, "input", comesBy(tap)),
    t.rule("input", comesBy(tap), count("box"), drop),

    t.base("mss", { type: "filter", hook: "forward", prio: -150, policy: "accept" }),
    // Where a packet that does not fit is lost in silence TCP would wait for ever (RFC 2923).
    t.rule("mss", isSyn, {
      mangle: { key: { "tcp option": { name: "maxseg", field: "size" } }, value: { rt: { key: "mtu" } } },
    }),
    filter("forward", "forward", 0),
    t.chain("outward"),
    t.chain("inward"),
    t.rule("forward", comesBy(tap), leavesBy(tunnel), jump("outward")),
    t.rule("forward", comesBy(tunnel), leavesBy(tap), toGuest, jump("inward")),
    show(t, "forward", comesBy(tap)),
    t.rule("forward", comesBy(tap), count("forward"), drop),
    // Untracked, its source would stay what it is on the guest's link.
    t.rule("outward", isInvalid, count("untracked"), drop),
    t.rule("outward", isNew, tooFast, count("flood"), drop),
    t.rule("outward", isNew, tooMany, count("flood"), drop),
    t.rule("outward", count("up"), accept),
    t.rule("inward", isInvalid, count("untracked"), drop),
    t.rule("inward", isNew, tooFast, count("unasked"), drop),
    t.rule("inward", isNew, tooMany, count("unasked"), drop),
    t.rule("inward", count("down"), accept),

    filter("output", "output", 0),
    // The namespace tells the machine why something cannot be sent, and says nothing else, to nobody else.
    t.rule(
      "output",
      leavesBy(tap),
      match(payload("icmp", "type"), anyOf(["destination-unreachable", "time-exceeded"])),
      accept,
    ),

    nat("arriving", "prerouting", -100),
    t.rule(
      "arriving",
      comesBy(tunnel),
      match(payload("ip", "daddr"), address),
      dnat("ip", GUEST_LINK.guestAddress),
    ),
    nat("leaving", "postrouting", 100),
    t.rule("leaving", leavesBy(tunnel), match(payload("ip", "saddr"), GUEST_LINK.guestAddress), {
      snat: { family: "ip", addr: address },
    }),
    filter("left", "postrouting", 300),
    t.rule("left", leavesBy(tunnel), match(payload("ip", "saddr"), address), accept),
    t.rule("left", leavesBy(tap), accept),
  ];
}

const isSyn: NftStatement = match({ "&": [payload("tcp", "flags"), { "|": ["syn", "rst"] }] }, "syn");

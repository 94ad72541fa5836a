import {
  accept,
  anyOf,
  count,
  ct,
  drop,
  match,
  meta,
  type NftCommand,
  type NftExpression,
  type NftStatement,
  over,
  payload,
} from "../../host/nft.ts";
import type { Endpoint } from "../paths/endpoint.ts";
import { type FlowEnd, type FlowSide, otherSide } from "./relay-flow.ts";
import { DATA_TYPE } from "./wireguard-packet.ts";

/** How much a box relays for others. */
export interface RelayQuotas {
  /** Tunnels at a time, and of them for one member. */
  tunnels: number;
  tunnelsPerPeer: number;
  /** Each way of each tunnel, and all together; kbit/s. */
  kbitEach: number;
  kbitTotal: number;
  /** A tunnel that is not asked for again within this is ended. */
  lifetimeS: number;
  /** UDP ports to give out: what the operator opens in a firewall in front. Two for each tunnel. */
  ports: { first: number; last: number };
}

export interface Counted {
  packets: number;
  bytes: number;
}

/** A flow as the kernel is to carry it. */
export interface PlannedFlow {
  /** Small, and no other flow's: names the chains and marks the packets. */
  slot: number;
  family: 4 | 6;
  ports: Record<FlowSide, number>;
  /** Both or none: until the ends are known, all goes up to the relay's own sockets. */
  ends?: Record<FlowSide, FlowEnd>;
  /** Counted so far, by the side that sent it. */
  counted: Record<FlowSide, Counted>;
}

/** Interfaces on which forwarding was off before the relay set it. */
export const GUARDED_SET = "opened";
/** skb->mark of relayed packets: these bits, then twice the slot and one for side b. */
export const RELAY_MARK = 0x0e1a_0000;
export const RELAY_MARK_MASK = 0xffff_0000;
/** What goes up to the daemon, a second: handshakes from the known end, from all others, and data from all others; each for one port. */
const HANDSHAKES_PER_SECOND = 20;
const STRANGE_DATA_PER_SECOND = 50;
const SIDES = ["a", "b"] as const;

export const counterName = (slot: number, side: FlowSide): string => `f${slot}${side}`;
const markOf = (slot: number, side: FlowSide): number => RELAY_MARK + slot * 2 + (side === "a" ? 0 : 1);

const udp = (field: string): NftExpression => payload("udp", field);
const ip = (family: 4 | 6, field: "saddr" | "daddr"): NftExpression =>
  payload(family === 4 ? "ip" : "ip6", field);
const set = (key: NftExpression, value: NftExpression): NftStatement => ({ mangle: { key, value } });
/** The first four bytes behind the UDP header: a WireGuard packet's type and three zeros. */
const firstWord: NftExpression = { payload: { base: "th", offset: 64, len: 32 } };
const isData = match(firstWord, DATA_TYPE << 24);
const isHandshake = match(firstWord, anyOf([1 << 24, 2 << 24, 3 << 24]));
const back: NftStatement = { return: null };
const noTracking: NftStatement = { notrack: null };
const jump = (target: string): NftStatement => ({ jump: { target } });
const overKbit = (kbit: number): NftStatement => {
  // nft's kbytes are of 1,024.
  const rate = Math.max(1, Math.floor((kbit * 1_000) / 8 / 1_024));
  // The kernel's bucket holds a second's worth beside the burst (nft_limit.c).
  const burst = 16;
  return { limit: { rate, per: "second", rate_unit: "kbytes", burst, burst_unit: "kbytes", inv: true } };
};

/**
 * The table of relayed flows. What comes from a known end with data is turned around before the kernel tracks
 * connections, and without it: a packet's addresses are changed by the rules alone, so a moved end takes effect with
 * the next packet and no entry of an earlier one lives on. Handshakes always go up to the relay's sockets.
 *
 * @param guarded interfaces whose forwarding is on only for the relay's sake: nothing else may be forwarded from there
 */
export function relayRuleset(
  table: string,
  flows: readonly PlannedFlow[],
  quotas: Pick<RelayQuotas, "kbitEach" | "kbitTotal">,
  guarded: readonly string[],
): NftCommand[] {
  const at = { family: "inet", table };
  const named = { family: "inet", name: table };
  const chain = (name: string): NftCommand => ({ add: { chain: { ...at, name } } });
  const base = (name: string, hook: string, prio: number): NftCommand => ({
    add: { chain: { ...at, name, type: "filter", hook, prio, policy: "accept" } },
  });
  const rule = (name: string, ...expr: NftStatement[]): NftCommand => ({
    add: { rule: { ...at, chain: name, expr } },
  });
  const elements = (elem: readonly unknown[]) => (elem.length > 0 ? { elem } : {});
  const sides = flows.flatMap((flow) => SIDES.map((side) => ({ flow, side })));
  const carried = sides.filter(({ flow }) => flow.ends !== undefined);
  const isRelayed = match({ "&": [meta("mark"), RELAY_MARK_MASK] }, RELAY_MARK);

  return [
    { add: { table: named } },
    { delete: { table: named } },
    { add: { table: named } },
    { add: { set: { ...at, name: GUARDED_SET, type: "ifname", ...elements(guarded) } } },
    ...sides.map(({ flow, side }): NftCommand => {
      const counted = flow.counted[side];
      return { add: { counter: { ...at, name: counterName(flow.slot, side), ...counted } } };
    }),

    chain("total"),
    rule("total", overKbit(quotas.kbitTotal), drop),
    ...sides.flatMap(({ flow, side }) => [
      chain(`in_${counterName(flow.slot, side)}`),
      ...inward(flow, side, quotas.kbitEach).map((statements) =>
        rule(`in_${counterName(flow.slot, side)}`, ...statements),
      ),
    ]),
    ...carried.flatMap(({ flow, side }) => [
      chain(`out_${counterName(flow.slot, side)}`),
      rule(`out_${counterName(flow.slot, side)}`, ...outward(flow, side)),
    ]),

    // Before connections are tracked (-200).
    base("arriving", "prerouting", -300),
    rule("arriving", match({ fib: { result: "type", flags: ["daddr"] } }, "local"), {
      vmap: {
        key: udp("dport"),
        data: {
          set: sides.map(({ flow, side }) => [flow.ports[side], jump(`in_${counterName(flow.slot, side)}`)]),
        },
      },
    }),
    base("leaving", "postrouting", 300),
    rule("leaving", {
      vmap: {
        key: meta("mark"),
        data: {
          set: carried.map(({ flow, side }) => [
            markOf(flow.slot, side),
            jump(`out_${counterName(flow.slot, side)}`),
          ]),
        },
      },
    }),

    base("forward", "forward", -10),
    rule("forward", isRelayed, accept),
    rule(
      "forward",
      match(meta("iifname"), `@${GUARDED_SET}`),
      match(ct("state"), anyOf(["new", "untracked", "invalid"])),
      drop,
    ),
    base("output", "output", 0),
    // In and out by one interface, the kernel would tell an end where the other is.
    rule("output", match(payload("icmp", "type"), "redirect"), drop),
  ].filter((command) => !isEmptyMap(command));
}

/** What happens to a packet for the relay's port of one side. */
function inward(flow: PlannedFlow, side: FlowSide, kbitEach: number): NftStatement[][] {
  // Handshakes have their share to themselves: the data of an end that has moved would use it up before the first one.
  const handshakes = over(HANDSHAKES_PER_SECOND, "second", HANDSHAKES_PER_SECOND * 2);
  const strangers = [
    [isHandshake, handshakes, drop],
    [isHandshake, back],
    [isData, over(STRANGE_DATA_PER_SECOND, "second", STRANGE_DATA_PER_SECOND), drop],
    [isData, back],
    [drop],
  ];
  if (!flow.ends) return strangers;
  const { slot, family, ends } = flow;
  const [from, to] = [ends[side], ends[otherSide(side)]];
  const isFromEnd = [
    match(ip(family, "daddr"), from.local),
    match(ip(family, "saddr"), from.remote.address),
    match(udp("sport"), from.remote.port),
  ];
  return [
    [...isFromEnd, isData, overKbit(kbitEach), drop],
    [...isFromEnd, isData, jump("total")],
    [
      ...[...isFromEnd, isData, count(counterName(slot, side)), noTracking],
      ...towards(family, "daddr", "dport", to.remote),
      ...[set(meta("mark"), markOf(slot, side)), accept],
    ],
    // Each its own share, so that strangers cannot use up the known end's.
    [...isFromEnd, isHandshake, handshakes, drop],
    [...isFromEnd, isHandshake, back],
    ...strangers,
  ];
}

/** The relay's own port of the other side becomes the source. */
function outward({ family, ports, ends }: PlannedFlow, side: FlowSide): NftStatement[] {
  const other = otherSide(side);
  const address = ends?.[other].local ?? "";
  return [...towards(family, "saddr", "sport", { address, port: ports[other] }), accept];
}

const towards = (
  family: 4 | 6,
  address: "saddr" | "daddr",
  port: "sport" | "dport",
  end: Endpoint,
): NftStatement[] => [set(ip(family, address), end.address), set(udp(port), end.port)];

/** nft refuses a map without elements. */
function isEmptyMap(command: NftCommand): boolean {
  return JSON.stringify(command).includes('"data":{"set":[]}');
}

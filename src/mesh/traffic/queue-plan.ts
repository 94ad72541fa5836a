import {
  assuredKbit,
  CLASS_TRAITS,
  classId,
  GUESTS_PARENT,
  HTB_MAJOR,
  type Shares,
  TRAFFIC_CLASSES,
  type TrafficClass,
} from "./traffic-class.ts";

/** A link that the box sends by. */
export interface Link {
  readonly name: string;
  /** What it carries away, in kbit/s; undefined while unknown. */
  readonly upKbit?: number;
  /** The most that one IP packet has, in bytes; 1500 by default. */
  readonly mtu?: number;
  /**
   * Class ids ("1:11" …) that the gateway's firewall gives single guests on their way out by this link, if it does.
   * Each becomes a class below the guests' own, so that guests share fairly what is theirs.
   */
  readonly guestClasses?: readonly string[];
}

/** Queueing disciplines that the kernel has. */
export const DISCIPLINES = ["cake", "htb", "fq_codel", "tbf", "pfifo_fast"] as const;
export type Queueing = Readonly<Record<(typeof DISCIPLINES)[number], boolean>>;

/**
 * - `shares`: each class is assured of its share and borrows what others leave (HTB);
 * - `cake`: four levels of the kernel's own, shaped to a rate where there is one;
 * - `bands`: the urgent first, as long as there is any (pfifo_fast): no shares, and effective only where the device
 *   itself holds the box back;
 * - `none`: as the kernel queues by itself.
 */
export type QueueMode = "shares" | "cake" | "bands" | "none";

/** How one link is queued, as lines for `tc -batch`. */
export interface QueuePlan {
  readonly link: string;
  readonly mode: QueueMode;
  readonly kbit: number | undefined;
  /** Makes the root, on a link that has none of ours. */
  readonly root: readonly string[];
  /** Makes or changes everything below it, in place, as often as wanted. */
  readonly below: readonly string[];
}

/** Below this rate a packet before segmentation (64 KB) would hold the line for 10 ms and more. */
const SPLIT_BELOW_KBIT = 50_000;
const ETHERNET_HEADER = 14;
const TINY_RATE_KBIT = 1;

/**
 * Plans one link.
 *
 * HTB (tc-htb(8)): below a root of the link's rate every class has its share assured and the whole as ceiling; control
 * borrows before messages, and these before the rest. What HTB does not know (ARP, the frames of a radio mesh's own
 * routing) goes with control. Bursts are short: two packets, or 2 ms of the rate, so that what is urgent waits for no
 * more than these.
 */
export function planQueues(
  link: Link,
  shares: Shares,
  has: Queueing,
  prefer: "auto" | "cake" = "auto",
): QueuePlan {
  const plan = { link: link.name, kbit: link.upKbit };
  const wantsCake = has.cake && (link.upKbit === undefined || prefer === "cake" || !has.htb);
  if (wantsCake) return { ...plan, mode: "cake", root: [], below: [cakeLine(link)] };
  if (link.upKbit !== undefined && has.htb) {
    const root = `qdisc add dev ${link.name} root handle ${HTB_MAJOR}: htb default ${CLASS_TRAITS.control.minor.toString(16)}`;
    return { ...plan, mode: "shares", root: [root], below: htbLines(link, link.upKbit, shares, has) };
  }
  if (has.pfifo_fast) {
    return {
      ...plan,
      mode: "bands",
      root: [`qdisc add dev ${link.name} root handle 2: pfifo_fast`],
      below: [],
    };
  }
  return { ...plan, mode: "none", root: [], below: [] };
}

function cakeLine({ name, upKbit }: Link): string {
  const rate = upKbit === undefined ? "unlimited" : `bandwidth ${upKbit}kbit`;
  return `qdisc replace dev ${name} root handle 2: cake ${rate} diffserv4 dual-srchost nat`;
}

function htbLines(link: Link, kbit: number, shares: Shares, has: Queueing): string[] {
  const { name, guestClasses = [] } = link;
  const frame = (link.mtu ?? 1_500) + ETHERNET_HEADER;
  const splits = has.tbf && kbit < SPLIT_BELOW_KBIT;
  const assured = assuredKbit(shares, kbit);
  const burst = (rate: number, frames = 2) => Math.max(frames * frame, Math.ceil((rate / 8) * 2));
  // What a class sends in a turn of borrowing: in proportion to the shares, and no less than the largest packet.
  const largest = splits ? frame : 65_536;
  const quantum = (rate: number) => {
    const most = Math.max(...Object.values(assured));
    return Math.min(200_000, Math.max(largest, Math.round((10 * frame * rate) / most)));
  };
  const line = (parent: string, id: string, rate: number, prio: number, frames?: number) =>
    `class replace dev ${name} parent ${parent} classid ${id} htb prio ${prio} rate ${rate}kbit ceil ${kbit}kbit ` +
    `burst ${burst(rate, frames)} cburst ${burst(kbit)} quantum ${quantum(rate)}`;
  const leaf = (id: string) => leafLines(name, id, leafPlan(frame, kbit, splits, has));

  const classes = TRAFFIC_CLASSES.flatMap((traffic: TrafficClass) => {
    const { minor, borrows } = CLASS_TRAITS[traffic];
    const id = classId(minor);
    if (traffic !== "guests" || guestClasses.length === 0 || has.cake) {
      const own = line(classId(1), id, assured[traffic], borrows, traffic === "control" ? 8 : 2);
      return [own, ...(traffic === "guests" && has.cake ? [guestsCake(name, id)] : leaf(id))];
    }
    const parent = classId(GUESTS_PARENT);
    const each = Math.max(TINY_RATE_KBIT, Math.floor(assured.guests / (guestClasses.length + 1)));
    return [
      line(classId(1), parent, assured.guests, borrows),
      ...[id, ...guestClasses].flatMap((guest) => [line(parent, guest, each, borrows), ...leaf(guest)]),
    ];
  });
  return [line(`${HTB_MAJOR}:`, classId(1), kbit, 0), ...classes];
}

/** Cake tells guests apart by itself, behind address translation too, and cuts large packets. */
const guestsCake = (name: string, id: string): string =>
  `qdisc replace dev ${name} parent ${id} cake unlimited besteffort dual-srchost nat`;

interface LeafPlan {
  splitAt: number | undefined;
  fqCodel: boolean;
  /** Bytes that wait at most. */
  limit: number;
}

function leafPlan(frame: number, kbit: number, splits: boolean, has: Queueing): LeafPlan {
  // 150 ms of the whole link, and never less than a TCP connection needs to fill a share.
  const limit = Math.min(1_000_000, Math.max(20 * frame, Math.ceil((kbit / 8) * 150)));
  // A packet before segmentation has up to 64 KB: one that is not cut must fit in as a whole.
  return {
    splitAt: splits ? frame + 100 : undefined,
    fqCodel: has.fq_codel,
    limit: splits ? limit : Math.max(limit, 4 * 65_536),
  };
}

/**
 * The queue of one class. A token bucket whose rate never holds anything back stands before it on slow links for one
 * thing that it does besides: it cuts packets that are larger than its bucket into those that go on the wire
 * (net/sched/sch_tbf.c, tbf_segment), so that one of 64 KB does not hold up what is urgent.
 */
function leafLines(name: string, id: string, { splitAt, fqCodel, limit }: LeafPlan): string[] {
  const fair = "fq_codel limit 300";
  if (splitAt === undefined) {
    return [`qdisc replace dev ${name} parent ${id} ${fqCodel ? fair : `bfifo limit ${limit}`}`];
  }
  const handle = `${id.slice(id.indexOf(":") + 1)}:`;
  return [
    `qdisc replace dev ${name} parent ${id} handle ${handle} tbf rate 2gbit burst ${splitAt} limit ${limit}`,
    ...(fqCodel ? [`qdisc replace dev ${name} parent ${handle} ${fair}`] : []),
  ];
}

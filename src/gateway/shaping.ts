/** Classes that guests are spread over where fair queueing has to be made from classes. */
export const GUEST_CLASSES = 250;
/** The class of traffic that is nobody's in particular. */
const DEFAULT_CLASS = 0xfff;
const ROOT = "1:";
/** Handle of a root without classes, by which it is known again as this box's. */
export const CLASSLESS_ROOT = "2:";
/**
 * Bytes that a class may send in a turn: the largest packet before segmentation offload is undone. With less, HTB gives
 * a class one packet a turn whatever its size, and whoever sends large ones gets more (net/sched/sch_htb.c).
 */
const QUANTUM = 65_536;
/** On the guest bridge what comes from the box itself is never slowed. */
const LOCAL_KBIT = 10_000_000;

/** Class ids of all guests, for who queues the uplink instead of the gateway. */
export const guestPriorities = (): string[] =>
  Array.from({ length: GUEST_CLASSES }, (_, index) => priorityOf(index + 1));

/** The class of a guest, 1 to {@link GUEST_CLASSES}: the same for the same station always (FNV-1a of its address). */
export function guestClass(mac: string): number {
  let hash = 0x811c9dc5;
  for (let index = 0; index < mac.length; index += 1) {
    hash = Math.imul(hash ^ mac.charCodeAt(index), 0x01000193) >>> 0;
  }
  return (hash % GUEST_CLASSES) + 1;
}

/** A class as tc and nftables write it. */
export const priorityOf = (guest: number): string => `1:${(guest + 0x10).toString(16)}`;

/** What the kernel can queue with. */
export interface Queueing {
  cake: boolean;
  fqCodel: boolean;
}

/**
 * The commands (for `tc -batch`) that share `kbit` fairly between guests on what leaves by `device`.
 *
 * With cake (tc-cake(8)) the kernel tells guests apart itself. Otherwise HTB gives every class of guests the same
 * small assured rate and lets all of them borrow the whole: classes that want more than their share then get equal
 * parts, by HTB's own round robin; in each class fq_codel where the kernel has it. What is not a guest's has half of
 * the uplink assured, and on the guest bridge it is not limited.
 *
 * @param direction "up" where guests are the sources, "down" where they are the destinations
 */
export function fairQueueing(
  device: string,
  direction: "up" | "down",
  kbit: number,
  queueing: Queueing,
): string[] {
  if (queueing.cake && direction === "up") {
    return [
      `qdisc replace dev ${device} root handle ${CLASSLESS_ROOT} cake bandwidth ${kbit}kbit dual-srchost nat`,
    ];
  }
  const other = DEFAULT_CLASS.toString(16);
  const root = [
    `qdisc replace dev ${device} root handle ${ROOT} htb default ${other}`,
    `class replace dev ${device} parent ${ROOT} classid 1:1 htb rate ${kbit}kbit ceil ${kbit}kbit quantum ${QUANTUM}`,
    direction === "up"
      ? `class replace dev ${device} parent 1:1 classid 1:${other} htb rate ${Math.ceil(kbit / 2)}kbit ceil ${kbit}kbit quantum ${QUANTUM}`
      : `class replace dev ${device} parent ${ROOT} classid 1:${other} htb rate ${LOCAL_KBIT}kbit quantum ${QUANTUM}`,
  ];
  const assured = Math.max(1, Math.floor(kbit / 2 / GUEST_CLASSES));
  const classes = Array.from({ length: GUEST_CLASSES }, (_, index) => {
    const id = priorityOf(index + 1);
    const leaf = queueing.fqCodel ? "fq_codel limit 300" : "pfifo limit 100";
    return [
      `class replace dev ${device} parent 1:1 classid ${id} htb rate ${assured}kbit ceil ${kbit}kbit quantum ${QUANTUM}`,
      `qdisc replace dev ${device} parent ${id} ${leaf}`,
    ];
  });
  return [...root, ...classes.flat()];
}

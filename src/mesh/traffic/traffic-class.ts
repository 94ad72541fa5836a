/**
 * What leaves the box, most urgent first: an SOS and what keeps boxes together; messages; what the box's own services
 * send, and whatever is nothing else; guests on their way to the internet; tunnels and the virtual machines behind
 * them; bulk synchronisation.
 */
export const TRAFFIC_CLASSES = ["control", "messages", "services", "guests", "vm", "bulk"] as const;
export type TrafficClass = (typeof TRAFFIC_CLASSES)[number];

/** What each class is assured of, in parts of the sum. */
export type Shares = Readonly<Record<TrafficClass, number>>;

export interface ClassTraits {
  /**
   * Minor number of the class, for HTB and for skb->priority. Its last hexadecimal digit is a priority of the
   * kernel's own (linux/pkt_sched.h, TC_PRIO_*), so that pfifo_fast, which looks at nothing else, sorts it as well:
   * 6 and 7 first, 2 last. None lies among the guests' classes, which the gateway numbers 0x11 to 0x10a.
   */
  minor: number;
  /**
   * Differentiated services code point, by nft's name: what cake (tc-cake(8), diffserv4) and Wi-Fi (WMM) sort by, here
   * and at the next hop.
   */
  dscp: "cs6" | "af41" | "af21" | "cs0" | "cs1";
  /** Who gets first what others leave over (tc-htb(8), prio): 0 before 1 before 2. */
  borrows: number;
}

/** Handle of the classful root, without which the gateway's marks for single guests (1:11 to 1:10a) lead nowhere. */
export const HTB_MAJOR = 1;

export const CLASS_TRAITS: Readonly<Record<TrafficClass, ClassTraits>> = {
  control: { minor: 0x206, dscp: "cs6", borrows: 0 },
  messages: { minor: 0x207, dscp: "af41", borrows: 1 },
  services: { minor: 0x208, dscp: "af21", borrows: 2 },
  guests: { minor: 0x209, dscp: "cs0", borrows: 2 },
  vm: { minor: 0x20a, dscp: "cs0", borrows: 2 },
  bulk: { minor: 0x202, dscp: "cs1", borrows: 2 },
};

/** Parent of a link's guests where each guest has a class. */
export const GUESTS_PARENT = 0x300;

/** A class as tc and nftables write it: "1:206". */
export const classId = (minor: number): string => `${HTB_MAJOR}:${minor.toString(16)}`;

/** What `of` says of each class. */
export const byClass = <T>(of: (name: TrafficClass) => T): Record<TrafficClass, T> => ({
  control: of("control"),
  messages: of("messages"),
  services: of("services"),
  guests: of("guests"),
  vm: of("vm"),
  bulk: of("bulk"),
});

/** Kilobits a second of each class, at least 1: the shares of the whole. */
export function assuredKbit(shares: Shares, kbit: number): Record<TrafficClass, number> {
  const sum = TRAFFIC_CLASSES.reduce((total, name) => total + shares[name], 0);
  if (!(sum > 0)) throw new RangeError("shares: all of them are 0");
  return byClass((name) => Math.max(1, Math.floor((kbit * shares[name]) / sum)));
}

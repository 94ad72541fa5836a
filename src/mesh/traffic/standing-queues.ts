import { z } from "zod";
import { parsedJson } from "./parsed-json.ts";
import { byClass, CLASS_TRAITS, classId, TRAFFIC_CLASSES, type TrafficClass } from "./traffic-class.ts";

/** The root discipline of a link as `tc -j qdisc show dev X` tells it. */
export interface StandingRoot {
  kind: string;
  /** "1:"; "0:" where the kernel chose the discipline by itself. */
  handle: string;
}

const qdiscs = z.array(
  z.object({
    dev: z.string().optional(),
    kind: z.string(),
    handle: z.string().default("0:"),
    root: z.boolean().optional(),
  }),
);

/** @returns undefined where the text names no root. */
export function parseRoot(json: string): StandingRoot | undefined {
  const parsed = qdiscs.safeParse(parsedJson(json));
  const root = parsed.data?.find((entry) => entry.root === true);
  return root === undefined ? undefined : { kind: root.kind, handle: root.handle };
}

/** The links that have a root discipline other than the kernel's own choice, of `tc -j qdisc show`. */
export function parseRootLinks(json: string): string[] {
  const listed = qdiscs.safeParse(parsedJson(json)).data ?? [];
  return listed.flatMap(({ dev, handle, root }) =>
    dev === undefined || !root || handle === "0:" ? [] : [dev],
  );
}

const links = z.array(z.object({ ifname: z.string(), mtu: z.number() }));

/** The MTU of every interface, of `ip -j link show`. */
export function parseMtus(json: string): Map<string, number> {
  return new Map((links.safeParse(parsedJson(json)).data ?? []).map(({ ifname, mtu }) => [ifname, mtu]));
}

/** What a class has sent since it was made. */
export interface ClassCount {
  bytes: number;
  packets: number;
  dropped: number;
  /** Bytes that wait. */
  backlog: number;
}

/**
 * HTB's classes by id, of `tc -s class show dev X`. Its text, because iproute2 before 6.3 has no JSON for classes.
 */
export function parseClasses(text: string): Map<string, ClassCount> {
  const found = new Map<string, ClassCount>();
  for (const block of text.split(/^(?=class )/m)) {
    const id = /^class htb ([0-9a-f]+:[0-9a-f]+) /.exec(block)?.[1];
    const sent = /Sent (\d+) bytes (\d+) pkt \(dropped (\d+)/.exec(block);
    if (id === undefined) continue;
    const backlog = /backlog (\d+)([KMG]?)b/.exec(block);
    found.set(id, {
      bytes: Number(sent?.[1] ?? 0),
      packets: Number(sent?.[2] ?? 0),
      dropped: Number(sent?.[3] ?? 0),
      backlog: Number(backlog?.[1] ?? 0) * (UNITS[backlog?.[2] ?? ""] ?? 1),
    });
  }
  return found;
}

const UNITS: Readonly<Record<string, number>> = { "": 1, K: 1_024, M: 1_048_576, G: 1_073_741_824 };

/**
 * What each class has sent by one link. Guests count where they are: in their own classes.
 * @param guestClasses ids of single guests' classes
 */
export function countsByClass(
  classes: ReadonlyMap<string, ClassCount>,
  guestClasses: readonly string[],
): Partial<Record<TrafficClass, ClassCount>> {
  const counts: Partial<Record<TrafficClass, ClassCount>> = {};
  for (const name of TRAFFIC_CLASSES) {
    const ids = [classId(CLASS_TRAITS[name].minor), ...(name === "guests" ? guestClasses : [])];
    const own = ids.map((id) => classes.get(id)).filter((count) => count !== undefined);
    if (own.length > 0) counts[name] = own.reduce(added);
  }
  return counts;
}

const added = (a: ClassCount, b: ClassCount): ClassCount => ({
  bytes: a.bytes + b.bytes,
  packets: a.packets + b.packets,
  dropped: a.dropped + b.dropped,
  backlog: a.backlog + b.backlog,
});

const counters = z.object({
  nftables: z.array(z.object({ counter: z.object({ name: z.string(), bytes: z.number() }).optional() })),
});

/** Bytes by class, of `nft -j list counters table inet omerta_traffic`; 0 where there is no counter. */
export function parseCounters(json: string): Record<TrafficClass, number> {
  const listed = counters.safeParse(parsedJson(json)).data?.nftables ?? [];
  return byClass((name) => listed.find((object) => object.counter?.name === name)?.counter?.bytes ?? 0);
}

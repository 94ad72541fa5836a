import { EVIDENCE_SETS, OFFENCES, type Offence, offenceOf } from "../egress/index.ts";

/** What a machine has sent and received, and tried, since its egress was made. */
export interface LeaseTraffic {
  /** Into the tunnel; bytes of IP packets. */
  up: Amount;
  /** Out of the tunnel. */
  down: Amount;
  /** What any system sends when its link comes up: dropped, no offence. */
  noise: number;
  /** Packets after it was cut off. */
  jailed: number;
  /** Packets by offence. */
  rogue: Readonly<Record<Offence, number>>;
}

export interface Amount {
  packets: number;
  bytes: number;
}

/** What was tried, of one kind. Addresses are IP or, where there is none in the frame, MAC addresses. */
export interface Evidence {
  /** "udp", "icmp", "47"; "arp", "0x88cc" for frames. */
  proto: string;
  src: string;
  dst: string;
  /** Destination port; undefined where there is none. */
  port: number | undefined;
}

export interface CountedEvidence {
  offence: Offence;
  evidence: Evidence;
  packets: number;
}

/** nft printed what is not as its manual has it. */
export class CountedError extends Error {
  override readonly name = "CountedError";
}

/** Reads what `nft --json list counters` prints in a machine's namespace. @throws {CountedError} */
export function parseCounters(text: string): LeaseTraffic {
  const counters = new Map<string, Amount>();
  for (const object of objectsIn(text)) {
    const counter = object.counter;
    if (!isRecord(counter)) continue;
    counters.set(String(counter.name), { packets: number(counter.packets), bytes: number(counter.bytes) });
  }
  const packets = (name: string) => counters.get(name)?.packets ?? 0;
  const nothing = { packets: 0, bytes: 0 };
  return {
    up: counters.get("up") ?? nothing,
    down: counters.get("down") ?? nothing,
    noise: packets("noise"),
    jailed: packets("jailed"),
    rogue: Object.fromEntries(OFFENCES.map((offence) => [offence, packets(offence)])) as Record<
      Offence,
      number
    >,
  };
}

/** Reads the evidence in what `nft --json list sets` prints there. @throws {CountedError} */
export function parseEvidence(text: string): CountedEvidence[] {
  return objectsIn(text).flatMap((object) => {
    const set = object.set;
    if (!isRecord(set) || !(String(set.name) in EVIDENCE_SETS) || !Array.isArray(set.elem)) return [];
    return set.elem.flatMap((element) => readElement(element));
  });
}

/** `{"elem":{"val":{"concat":[2,"10.0.2.15","192.0.2.1","udp",53]},"counter":{"packets":1,"bytes":60}}}` */
function readElement(element: unknown): CountedEvidence[] {
  if (!isRecord(element) || !isRecord(element.elem)) return [];
  const { val, counter } = element.elem;
  if (!isRecord(val) || !Array.isArray(val.concat) || !isRecord(counter))
    throw new CountedError("an element of a set has no key or no counter");
  const [mark, src, dst, proto, port] = val.concat;
  const offence = offenceOf(Number(mark));
  if (offence === undefined) throw new CountedError(`mark: ${mark} is no offence's`);
  return [
    {
      offence,
      packets: number(counter.packets),
      evidence: {
        proto: String(proto),
        src: String(src),
        dst: String(dst),
        port: port === undefined ? undefined : portOf(port),
      },
    },
  ];
}

/** nft gives ports as numbers. */
function portOf(value: unknown): number {
  const port = number(value);
  if (port > 65_535) throw new CountedError(`port: ${port}`);
  return port;
}

function objectsIn(text: string): Record<string, unknown>[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch {
    throw new CountedError("no JSON");
  }
  if (!isRecord(parsed) || !Array.isArray(parsed.nftables)) throw new CountedError("no list of objects");
  return parsed.nftables.filter(isRecord);
}

function number(value: unknown): number {
  if (typeof value !== "number" || !Number.isFinite(value) || value < 0)
    throw new CountedError(`${JSON.stringify(value)} is no count`);
  return value;
}

const isRecord = (value: unknown): value is Record<string, unknown> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

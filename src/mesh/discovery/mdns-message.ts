import { createRequire } from "node:module";
import { onFirstUse } from "../../host/on-first-use.ts";

/** dns-packet 5.6.1, which brings no types: the records used here. */
interface DnsAnswer {
  name: string;
  type: string;
  ttl?: number;
  data?: unknown;
  flush?: boolean;
}
interface DnsMessage {
  type?: string;
  flags?: number;
  questions?: { name: string; type: string }[];
  answers?: DnsAnswer[];
}
interface DnsPacket {
  encode(message: DnsMessage): Buffer;
  /** @throws for what is no DNS message */
  decode(bytes: Uint8Array): DnsMessage;
  AUTHORITATIVE_ANSWER: number;
}
const dnsPacket = onFirstUse(() => createRequire(import.meta.url)("dns-packet") as DnsPacket);

/** RFC 6763, 4.1. */
export const SERVICE = "_omerta-box._udp.local";
/** Longer datagrams are not looked at: ours are shorter by half. */
export const MAX_MESSAGE_BYTES = 1_400;

/** TTL of an announcement in seconds: three times the longest pause between two, so that two may be lost. */
export const ANNOUNCEMENT_TTL_S = 1_080;

/** One instance of the service, as it is published. */
export interface PublishedInstance {
  /** First label of its name: random, 16 characters of 0-9a-f. */
  instance: string;
  /** Seconds; 0: it goes (RFC 6762, 10.1). */
  ttlS: number;
  sealed: Uint8Array;
}

export type MdnsMessage =
  | {
      kind: "query";
      /** Instances of which the asker has heard lately (RFC 6762, 7.1). */
      known: readonly string[];
    }
  | { kind: "answer"; instances: readonly PublishedInstance[] };

const INSTANCE = /^([0-9a-f]{16})\._omerta-box\._udp\.local$/i;
/** More instances in one message than this are not read. */
const MAX_INSTANCES = 4;

/** "Who is here?" (RFC 6763, 4), asked of all, answered to all. */
export const encodeQuery = (): Uint8Array =>
  dnsPacket().encode({ type: "query", questions: [{ name: SERVICE, type: "PTR" }] });

/**
 * An announcement, or an answer, which are the same (RFC 6762, 8.3): the service's pointer to the instance and its
 * TXT record, which holds the sealed bytes in place of RFC 6763's "key=value". There is no SRV record: the port
 * is nobody's business but the members', who find it within.
 */
export function encodeInstance({ instance, ttlS, sealed }: PublishedInstance): Uint8Array {
  const name = `${instance}.${SERVICE}`;
  const strings: Buffer[] = [];
  for (let offset = 0; offset < sealed.length; offset += 255) {
    strings.push(Buffer.from(sealed.subarray(offset, offset + 255)));
  }
  return dnsPacket().encode({
    type: "response",
    flags: dnsPacket().AUTHORITATIVE_ANSWER,
    answers: [
      { name: SERVICE, type: "PTR", ttl: ttlS, data: name },
      { name, type: "TXT", ttl: ttlS, flush: true, data: strings },
    ],
  });
}

const MARK = Buffer.from("_omerta-box");
/** Records in one message, questions among them. Ours have two; a question lists boxes that its asker knows as well. */
const MAX_RECORDS = 16;
const HEADER_BYTES = 12;

/**
 * Whether a datagram that came to port 5353 can be about this service at all: by one search of its bytes, so that
 * other services' messages, of which a busy link has many, cost next to nothing.
 */
export function mayConcernUs(datagram: Uint8Array): boolean {
  if (datagram.length < HEADER_BYTES || datagram.length > MAX_MESSAGE_BYTES) return false;
  return Buffer.from(datagram.buffer, datagram.byteOffset, datagram.length).includes(MARK);
}

/** By the header's counts (RFC 1035, 4.1.1). */
function recordsOf(datagram: Uint8Array): number {
  const view = new DataView(datagram.buffer, datagram.byteOffset, datagram.length);
  return [4, 6, 8, 10].reduce((sum, offset) => sum + view.getUint16(offset), 0);
}

/**
 * Reads a datagram that came to port 5353. Undefined: not about this service, too much for a message of ours, or no
 * DNS message at all. Decoding costs a hundred times what {@link mayConcernUs} does and is worth a limit: each record of a
 * message can point to a long name once more, so those with many records are not decoded.
 */
export function decodeMdns(datagram: Uint8Array): MdnsMessage | undefined {
  if (!mayConcernUs(datagram) || recordsOf(datagram) > MAX_RECORDS) return undefined;
  const { decode } = dnsPacket();
  let message: DnsMessage;
  try {
    message = decode(datagram);
  } catch {
    return undefined;
  }
  const answers = message.answers ?? [];
  if (message.type === "query") {
    const asks = (message.questions ?? []).some(
      ({ name, type }) => name.toLowerCase() === SERVICE && (type === "PTR" || type === "ANY"),
    );
    if (!asks) return undefined;
    return { kind: "query", known: answers.flatMap((answer) => knownInstance(answer) ?? []) };
  }
  return {
    kind: "answer",
    instances: answers.flatMap((answer) => published(answer) ?? []).slice(0, MAX_INSTANCES),
  };
}

/** Of an answer that the asker lists with at least half of its time left. */
function knownInstance({ name, type, ttl, data }: DnsAnswer): string | undefined {
  if (type !== "PTR" || name.toLowerCase() !== SERVICE || typeof data !== "string") return undefined;
  if ((ttl ?? 0) * 2 < ANNOUNCEMENT_TTL_S) return undefined;
  return INSTANCE.exec(data)?.[1]?.toLowerCase();
}

function published({ name, type, ttl, data }: DnsAnswer): PublishedInstance | undefined {
  const instance = INSTANCE.exec(name)?.[1]?.toLowerCase();
  if (type !== "TXT" || instance === undefined || !Array.isArray(data)) return undefined;
  const strings = data.filter((part): part is Buffer => part instanceof Uint8Array);
  return { instance, ttlS: ttl ?? 0, sealed: new Uint8Array(Buffer.concat(strings)) };
}

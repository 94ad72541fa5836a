import { describe, expect, test } from "bun:test";
import { createRequire } from "node:module";
import fc from "fast-check";
import { bytesToIp } from "../../../../src/host/ip-address.ts";
import {
  ANNOUNCEMENT_TTL_S,
  decodeMdns,
  encodeInstance,
  encodeQuery,
  MAX_MESSAGE_BYTES,
  SERVICE,
} from "../../../../src/mesh/discovery/mdns-message.ts";
import {
  type Announcement,
  announcementKey,
  decodeAnnouncement,
  encodeAnnouncement,
  MAX_ADDRESSES,
  openAnnouncement,
  SEALED_BYTES,
  sealAnnouncement,
} from "../../../../src/mesh/discovery/sealed-announcement.ts";

const dnsPacket = createRequire(import.meta.url)("dns-packet") as { encode(message: object): Buffer };
const ip = fc.oneof(
  fc.uint8Array({ minLength: 4, maxLength: 4 }).map(bytesToIp),
  fc.uint8Array({ minLength: 16, maxLength: 16 }).map(bytesToIp),
);
const port = fc.nat(65_535);
const someAnnouncement: fc.Arbitrary<Announcement> = fc.record({
  publicKey: fc.uint8Array({ minLength: 32, maxLength: 32 }),
  tcpPort: port,
  wsPort: port,
  udpPort: port,
  addresses: fc.array(ip, { maxLength: MAX_ADDRESSES }),
  isGoodbye: fc.boolean(),
});
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const NAME = "0123456789abcdef";

describe("a sealed announcement", () => {
  test("comes back with the right key and name, is as long whatever it says, and opens with no other key or name", () => {
    fc.assert(
      fc.property(someAnnouncement, bytes(32), bytes(32), bytes(24), (announcement, shared, other, nonce) => {
        const sealed = sealAnnouncement(announcement, announcementKey(shared), NAME, nonce);
        expect(sealed.length).toBe(SEALED_BYTES);
        expect(openAnnouncement(sealed, announcementKey(shared), NAME)).toEqual(announcement);
        expect(openAnnouncement(sealed, announcementKey(shared), NAME.replace("0", "1"))).toBe(undefined);
        fc.pre(Buffer.compare(shared, other) !== 0);
        expect(openAnnouncement(sealed, announcementKey(other), NAME)).toBe(undefined);
      }),
    );
  });

  test("opens with no bit changed and at no other length", () => {
    const announcement: Announcement = {
      publicKey: new Uint8Array(32).fill(7),
      tcpPort: 1,
      wsPort: 2,
      udpPort: 3,
      addresses: ["192.0.2.1"],
      isGoodbye: false,
    };
    const key = announcementKey(new Uint8Array(32));
    const sealed = sealAnnouncement(announcement, key, NAME, new Uint8Array(24));
    for (let bit = 0; bit < sealed.length * 8; bit += 1) {
      const wrong = sealed.slice();
      wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(openAnnouncement(wrong, key, NAME)).toBe(undefined);
    }
    expect(openAnnouncement(sealed.subarray(1), key, NAME)).toBe(undefined);
    expect(openAnnouncement(new Uint8Array(0), key, NAME)).toBe(undefined);
  });

  test("uses a key that is not the network's own", () => {
    const shared = new Uint8Array(32).fill(9);
    expect(announcementKey(shared)).not.toEqual(shared);
    expect(announcementKey(shared)).toEqual(announcementKey(shared.slice()));
  });

  test("holds eight addresses at most, and what a member who has the key makes of the rest is refused or read", () => {
    const many = Array.from({ length: 20 }, (_, index) => `2001:db8::${index + 1}`);
    const plain = encodeAnnouncement({
      publicKey: new Uint8Array(32),
      tcpPort: 0,
      wsPort: 0,
      udpPort: 0,
      addresses: many,
      isGoodbye: false,
    });
    expect(decodeAnnouncement(plain)?.addresses).toEqual(many.slice(0, 8));
    fc.assert(
      fc.property(bytes(plain.length), fc.nat(20), (random, count) => {
        const forged = random.slice();
        forged[0] = 1;
        forged[40] = count;
        const read = decodeAnnouncement(forged);
        if (count > MAX_ADDRESSES) expect(read).toBe(undefined);
        if (read) expect(read.addresses.length).toBe(count);
      }),
    );
    expect(decodeAnnouncement(plain.subarray(1))).toBe(undefined);
    plain[0] = 2;
    expect(decodeAnnouncement(plain)).toBe(undefined);
  });
});

describe("a multicast DNS message", () => {
  const instance = { instance: NAME, ttlS: ANNOUNCEMENT_TTL_S, sealed: new Uint8Array(SEALED_BYTES).fill(5) };

  test("comes back as it was sent, and fits into the smallest packet that IPv6 promises", () => {
    fc.assert(
      fc.property(bytes(SEALED_BYTES), fc.nat(5_000), (sealed, ttlS) => {
        const message = encodeInstance({ instance: NAME, ttlS, sealed });
        expect(decodeMdns(message)).toEqual({
          kind: "answer",
          instances: [{ instance: NAME, ttlS, sealed }],
        });
        expect(message.length).toBeLessThan(1_280 - 48);
      }),
    );
    expect(decodeMdns(encodeQuery())).toEqual({ kind: "query", known: [] });
  });

  test("with a question lists the instances that the asker knows, unless they are about to expire", () => {
    const ask = (ttl: number) =>
      dnsPacket.encode({
        type: "query",
        questions: [{ name: SERVICE.toUpperCase().replace("_OMERTA-BOX", "_omerta-box"), type: "PTR" }],
        answers: [{ name: SERVICE, type: "PTR", ttl, data: `${NAME}.${SERVICE}` }],
      });
    expect(decodeMdns(ask(ANNOUNCEMENT_TTL_S))).toEqual({ kind: "query", known: [NAME] });
    expect(decodeMdns(ask(ANNOUNCEMENT_TTL_S / 2 - 1))).toEqual({ kind: "query", known: [] });
  });

  test("about other services, or of another shape, is nothing", () => {
    const query = (name: string, type: string) =>
      decodeMdns(dnsPacket.encode({ type: "query", questions: [{ name, type }] }));
    expect(query("_http._tcp.local", "PTR")).toBe(undefined);
    expect(query(SERVICE, "A")).toBe(undefined);
    expect(query(`x.${SERVICE}`, "PTR")).toBe(undefined);
    expect(query(SERVICE, "PTR")).toEqual({ kind: "query", known: [] });
    const answer = (name: string, data: unknown, type = "TXT") =>
      decodeMdns(dnsPacket.encode({ type: "response", answers: [{ name, type, ttl: 9, data }] }));
    expect(answer(`Kitchen.${SERVICE}`, "hello")).toEqual({ kind: "answer", instances: [] });
    expect(answer(`${NAME}.${SERVICE}`, "192.0.2.1", "A")).toEqual({ kind: "answer", instances: [] });
    expect(decodeMdns(new Uint8Array(MAX_MESSAGE_BYTES + 1))).toBe(undefined);
  });

  test("with many instances is read for four of them, and with more than sixteen records not at all", () => {
    const answers = Array.from({ length: 17 }, (_, index) => ({
      name: `${index.toString(16).padStart(16, "0")}.${SERVICE}`,
      type: "TXT",
      ttl: 9,
      data: ["x"],
    }));
    const message = decodeMdns(dnsPacket.encode({ type: "response", answers: answers.slice(1) }));
    expect(message?.kind === "answer" && message.instances.length).toBe(4);
    expect(decodeMdns(dnsPacket.encode({ type: "response", answers }))).toBeUndefined();
    // Whichever section they are said to be in.
    expect(decodeMdns(dnsPacket.encode({ type: "response", additionals: answers }))).toBeUndefined();
  });

  test("may be any bytes: none make the reader throw", () => {
    const real = encodeInstance(instance);
    const bent = fc
      .array(fc.tuple(fc.nat(real.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const datagram = real.slice();
        for (const [at, byte] of changes) datagram[at] = byte;
        return datagram;
      });
    const cut = fc.nat(real.length).map((length) => real.subarray(0, length));
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 1_500 }), bent, cut), (datagram) => {
        decodeMdns(datagram);
      }),
      { numRuns: 5_000 },
    );
  });
});

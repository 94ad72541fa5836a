import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeRecord,
  encodeRecord,
  MAX_RECORD_BYTES,
  type PeerRecord,
  RecordError,
} from "../../../../src/mesh/directory/peer-record.ts";
import { NAT_KINDS } from "../../../../src/mesh/nat/nat-interface.ts";
import { fixedKey } from "../../identity/fixed-network.ts";
import { description, recordOf } from "./described.ts";

const key = fixedKey(4);

const record = {
  sequence: 2 ** 24 + 7,
  chain: Uint8Array.of(0x80),
  name: "Mühle",
  addresses: ["/ip4/10.81.0.7/tcp/4600"],
  endpoints: ["10.81.0.7:4600", "[fd00::7]:4600"],
  nat: "cone",
  relays: true,
  reachedBy: [fixedKey(2).publicKey],
  lora: 0x00a1b2,
  services: [{ name: "Maps", port: 8081 }],
  capability: { cpus: 4, memoryMiB: 8_000, freeMemoryMiB: 6_500, leases: 1, maxLeases: 3 },
  load: 250,
} satisfies Omit<PeerRecord, "publicKey">;

/** Made by an independent program: CBOR by hand from RFC 8949, the signature by OpenSSL. */
const VECTOR =
  "8e015820ca93ac1705187071d67b83c7ff0efe8108e8ec4530575d7726879333dbdabe7c1a010000074180664dc3bc68" +
  "6c6581772f6970342f31302e38312e302e372f7463702f34363030826e31302e38312e302e373a343630306e5b666430" +
  "303a3a375d3a3436303064636f6e65f58158208139770ea87d175f56a35466c34c7ecccb8d8a91b4ee37a25df60f5b8f" +
  "c9b39419a1b28182644d617073191f918504191f40191964010318faf028fef8d704005d3069c92a2a01a2e5e7ea8160" +
  "d4feae147636024c12113d81f6595fbe4a5ac13ec1983ab8c7a55b3bae8766f8123d58516bc51a34fd1f8a0d";

/** What keeps a record from being read, or undefined. */
function problemOf(encoded: Uint8Array): string | undefined {
  try {
    decodeRecord(encoded);
    return undefined;
  } catch (error) {
    expect(error).toBeInstanceOf(RecordError);
    return error instanceof Error ? error.message : "";
  }
}

const text = (maxLength: number) =>
  fc
    .string({ unit: "binary", maxLength })
    .map((any) =>
      any.replace(/[\p{Cc}\p{Cs}\p{Zl}\p{Zp}\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]/gu, ""),
    );
const records = fc.record(
  {
    sequence: fc.nat({ max: Number.MAX_SAFE_INTEGER }),
    chain: fc.uint8Array({ minLength: 1, maxLength: 200 }),
    name: text(20),
    addresses: fc.array(text(40), { maxLength: 16 }),
    endpoints: fc.array(text(40), { maxLength: 16 }),
    nat: fc.constantFrom(...NAT_KINDS),
    relays: fc.boolean(),
    reachedBy: fc.array(fc.uint8Array({ minLength: 32, maxLength: 32 }), { maxLength: 4 }),
    lora: fc.nat({ max: 0xff_ff_ff }),
    services: fc.array(
      fc.record(
        { name: text(10), port: fc.nat({ max: 65_535 }), path: fc.constantFrom("/", "/library/") },
        { requiredKeys: ["name", "port"] },
      ),
      { maxLength: 20 },
    ),
    capability: fc.record({
      cpus: fc.nat({ max: 4_096 }),
      memoryMiB: fc.nat({ max: 2 ** 24 }),
      freeMemoryMiB: fc.nat({ max: 2 ** 24 }),
      leases: fc.nat({ max: 10_000 }),
      maxLeases: fc.nat({ max: 10_000 }),
    }),
    load: fc.nat({ max: 4_096_000 }),
  },
  {
    requiredKeys: [
      "sequence",
      "chain",
      "name",
      "addresses",
      "endpoints",
      "nat",
      "relays",
      "reachedBy",
      "services",
      "load",
    ],
  },
);

describe("a peer record", () => {
  test("has the bytes that it has had from the beginning", () => {
    expect(Buffer.from(encodeRecord(record, key)).toString("hex")).toBe(VECTOR);
    expect(decodeRecord(Buffer.from(VECTOR, "hex"))).toEqual({ ...record, publicKey: key.publicKey });
  });

  test("comes back as it was said, whatever a box says of itself", () => {
    fc.assert(
      fc.property(records, (said) => {
        // Lone surrogates are no text that UTF-8 could carry.
        fc.pre(JSON.stringify(said).isWellFormed() && !JSON.stringify(said).includes("\\ud"));
        expect(decodeRecord(encodeRecord(said, key))).toEqual({ ...said, publicKey: key.publicKey });
      }),
      { numRuns: 60 },
    );
  });

  test("with a single bit changed anywhere is nobody's", () => {
    const good = Buffer.from(VECTOR, "hex");
    for (let bit = 0; bit < good.length * 8; bit += 5) {
      const bad = Uint8Array.from(good);
      bad[bit >> 3] = (bad[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(problemOf(bad)).toBeDefined();
    }
  });

  test("signed by another than it names is refused", () => {
    const good = Buffer.from(VECTOR, "hex");
    const unsigned = good.subarray(0, -64);
    const domain = Buffer.from("omerta peer record 1\0");
    const forged = Buffer.concat([unsigned, fixedKey(5).sign(Buffer.concat([domain, unsigned]))]);
    expect(problemOf(forged)).toBe("record: the signature is not its subject's");
    // A signature of the subject's under something else than a record of this kind.
    expect(problemOf(Buffer.concat([unsigned, key.sign(unsigned)]))).toContain("signature");
  });

  test("leaves out of its own names what others would refuse", () => {
    const services = [{ name: "Ma\u202eps", port: 1 }];
    const encoded = recordOf(key, 1, { name: "qu\u0007ay\n", services });
    expect(decodeRecord(encoded)).toMatchObject({ name: "quay", services: [{ name: "Maps", port: 1 }] });
  });

  test.each([
    ["name", { name: "x".repeat(61) }, "record[4]"],
    ["addresses", { addresses: Array.from({ length: 17 }, () => "a") }, "record[5]"],
    ["an address", { addresses: ["x".repeat(201)] }, "record[5.0]"],
    ["endpoints", { endpoints: Array.from({ length: 17 }, () => "a") }, "record[6]"],
    ["an endpoint", { endpoints: ["x".repeat(81)] }, "record[6.0]"],
    ["an address that draws on a screen", { addresses: ["/ip4/\u001b[2J"] }, "record[5.0]"],
    ["an endpoint that turns the writing around", { endpoints: ["\u202e1.2.3.4:5"] }, "record[6.0]"],
    ["relays", { reachedBy: Array.from({ length: 5 }, () => key.publicKey) }, "record[9]"],
    ["a relay", { reachedBy: [new Uint8Array(31)] }, "record[9.0]"],
    ["the LoRa address", { lora: 0x1_00_00_00 }, "record[10]"],
    ["services", { services: Array.from({ length: 21 }, () => ({ name: "a", port: 1 })) }, "record[11]"],
    ["a service's port", { services: [{ name: "a", port: 65_536 }] }, "record[11.0.1]"],
    ["a service's path", { services: [{ name: "a", port: 1, path: '/"><b>' }] }, "record[11.0.2]"],
    ["a path to elsewhere", { services: [{ name: "a", port: 1, path: "@there.example" }] }, "record[11.0.2]"],
    ["the load", { load: 4_096_001 }, "record[13]"],
    ["the load, not whole", { load: 0.5 }, "record[13]"],
    ["the certificates, none", { chain: new Uint8Array(0) }, "record[3]"],
    ["the certificates", { chain: new Uint8Array(2_049) }, "record[3]"],
    ["the sequence", { sequence: -1 }, "record[2]"],
  ])("that says too much is refused by its field: %s", (_what, more, field) => {
    expect(problemOf(encodeRecord({ ...record, ...more }, key))).toStartWith(field);
  });

  test("that is too long or too short is refused before anything of it is read", () => {
    expect(problemOf(new Uint8Array(MAX_RECORD_BYTES + 1))).toBe("record: 6145 bytes are too many");
    expect(problemOf(new Uint8Array(64))).toBe("record: too short");
    expect(problemOf(new Uint8Array(0))).toBe("record: too short");
  });

  test("of a box that has more to say than fits leaves out services and then addresses, and can be read", () => {
    const services = Array.from({ length: 20 }, (_, port) => ({ name: "市".repeat(40), port }));
    const addresses = Array.from({ length: 16 }, (_, at) => `/ip6/${"f".repeat(150)}/tcp/${4_600 + at}`);
    const chain = new Uint8Array(2_048);
    const long = encodeRecord({ ...record, chain, services, addresses }, key);
    const read = decodeRecord(long);
    expect(long.length).toBeLessThanOrEqual(MAX_RECORD_BYTES);
    expect(read.addresses).toEqual(addresses);
    expect(read.services.length).toBeGreaterThan(5);
    expect(read.services).toEqual(services.slice(0, read.services.length));

    const wordy = Array.from({ length: 16 }, () => "市".repeat(200));
    const left = decodeRecord(encodeRecord({ ...record, chain, services, addresses: wordy }, key));
    expect(left.services).toEqual([]);
    expect(left.addresses.length).toBeGreaterThan(4);
    const endpoints = Array.from({ length: 16 }, () => "x".repeat(400));
    expect(() => encodeRecord({ ...description(), endpoints, sequence: 1 }, key)).toThrow("too many");
  });
});

describe("whatever comes as a record", () => {
  test("is read or refused, and nothing else", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 400 }), (bytes) => {
        problemOf(bytes);
      }),
    );
  });

  test("is refused also where its subject has signed nonsense", () => {
    const domain = Buffer.from("omerta peer record 1\0");
    const signed = (unsigned: Uint8Array) =>
      Buffer.concat([unsigned, key.sign(Buffer.concat([domain, unsigned]))]);
    const good = Buffer.from(VECTOR, "hex").subarray(0, -64);
    const mutated = fc
      .tuple(fc.nat({ max: good.length - 1 }), fc.nat({ max: 20 }), fc.uint8Array({ maxLength: 12 }))
      .map(([at, cut, put]) => Buffer.concat([good.subarray(0, at), put, good.subarray(at + cut)]));
    fc.assert(
      fc.property(mutated, (unsigned) => {
        problemOf(signed(unsigned));
      }),
      { numRuns: 300 },
    );
    expect(problemOf(signed(Buffer.from("f6", "hex")))).toBeDefined();
    // Forms of CBOR that nothing needs: an array without a length, a float, something behind the end.
    expect(
      problemOf(signed(Buffer.concat([Buffer.of(0x9f), good.subarray(1), Buffer.of(0xff)]))),
    ).toBeDefined();
    expect(problemOf(signed(Buffer.concat([good, Buffer.of(0)])))).toBeDefined();
  });
});

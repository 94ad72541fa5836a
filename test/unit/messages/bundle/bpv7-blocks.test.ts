import { describe, expect, test } from "bun:test";
import { bytesToHex, hexToBytes, utf8ToBytes } from "@noble/hashes/utils.js";
import {
  type Blocks,
  decodeBlocks,
  type EndpointId,
  encodeBlocks,
} from "../../../../src/messages/bundle/bpv7-blocks.ts";
import { BundleError } from "../../../../src/messages/bundle/bundle.ts";
import { crc16x25, crc32c } from "../../../../src/messages/bundle/crc.ts";

const ipn = (node: number, service: number): EndpointId => ({ scheme: "ipn", node, service });
const dtn = (text: string): EndpointId => ({ scheme: "dtn", text });
const MAX_BYTES = 4_096;

/** Bundles that others have published, with what they say of them. */
const PUBLISHED: { from: string; hex: string; crcType: 0 | 1 | 2; is: Blocks }[] = [
  {
    from: "RFC 9173, appendix A.3: without CRC, with an age",
    hex:
      "9f88070000820282010282028202018202820201820018281a000f424085070200004319012c" +
      "85010100005823526561647920746f2067656e657261746520612033322d62797465207061796c6f6164ff",
    crcType: 0,
    is: {
      primary: {
        flags: 0,
        destination: ipn(1, 2),
        source: ipn(2, 1),
        reportTo: ipn(2, 1),
        createdDtnMs: 0,
        sequence: 40,
        lifetimeMs: 1_000_000,
      },
      blocks: [
        { type: 7, number: 2, flags: 0, data: hexToBytes("19012c") },
        { type: 1, number: 1, flags: 0, data: utf8ToBytes("Ready to generate a 32-byte payload") },
      ],
    },
  },
  {
    from: "draft-ietf-dtn-bpsec-cose, appendix A: with CRC-32C and dtn: endpoints",
    hex:
      "9f890700028201692f2f6473742f7376638201692f2f7372632f7376638201662f2f7372632f" +
      "821b000000bd51281400001a000f42404482a081c9860101000246656865" +
      "6c6c6f444ec359d2ff",
    crcType: 2,
    is: {
      primary: {
        flags: 0,
        destination: dtn("//dst/svc"),
        source: dtn("//src/svc"),
        reportTo: dtn("//src/"),
        createdDtnMs: 0xbd51281400,
        sequence: 0,
        lifetimeMs: 1_000_000,
      },
      blocks: [{ type: 1, number: 1, flags: 0, data: hexToBytes("6568656c6c6f") }],
    },
  },
];

/** The Bundle Protocol Security Library's (JHU/APL) sample of a CCSDS bundle: CRC-16 on the primary block alone. */
const MIXED =
  "9f89070001820282040982028201018202820101821b000000bec0f18301001b0000000202fbf00042179d8506040100458202820100" +
  "850a0301004382030185070201004319f61885010100004568656c6c6fff";

function wrong(bytes: Uint8Array): string | undefined {
  try {
    decodeBlocks(bytes, MAX_BYTES);
    return undefined;
  } catch (error) {
    if (error instanceof BundleError) return error.field;
    throw error;
  }
}

describe("The checksums of RFC 9171", () => {
  test("have the check values that their catalogues give", () => {
    expect(crc16x25(utf8ToBytes("123456789"))).toBe(0x906e);
    expect(crc32c(utf8ToBytes("123456789"))).toBe(0xe3069283);
    expect(crc32c(utf8ToBytes("1234"), utf8ToBytes("56789"))).toBe(0xe3069283);
    // RFC 3720, appendix B.4: 32 bytes of zeros, of ones, and a SCSI command.
    expect(crc32c(new Uint8Array(32))).toBe(0x8a9136aa);
    expect(crc32c(new Uint8Array(32).fill(0xff))).toBe(0x62a8ab43);
  });
});

describe("A bundle of RFC 9171", () => {
  for (const { from, hex, crcType, is } of PUBLISHED) {
    test(`as others write it is read, and written as they do: ${from}`, () => {
      expect(decodeBlocks(hexToBytes(hex), MAX_BYTES)).toEqual(is);
      expect(bytesToHex(encodeBlocks(is, crcType))).toBe(hex);
    });
  }

  test("may have another checksum, or none, on each block, and blocks that are not known here", () => {
    const { primary, blocks } = decodeBlocks(hexToBytes(MIXED), MAX_BYTES);
    expect(primary).toEqual({
      flags: 0,
      destination: ipn(4, 9),
      source: ipn(1, 1),
      reportTo: ipn(1, 1),
      createdDtnMs: 0xbec0f18301,
      sequence: 0,
      lifetimeMs: 0x202fbf000,
    });
    expect(blocks.map(({ type, number }) => [type, number])).toEqual([
      [6, 4],
      [10, 3],
      [7, 2],
      [1, 1],
    ]);
  });

  test("with CRC-16 on every block is its own inverse", () => {
    for (const { is } of PUBLISHED) expect(decodeBlocks(encodeBlocks(is, 1), MAX_BYTES)).toEqual(is);
  });

  test("of which any bit has changed is refused where it has checksums", () => {
    const bytes = hexToBytes(PUBLISHED[1]?.hex ?? "");
    for (let bit = 0; bit < bytes.length * 8; bit += 1) {
      const changed = Uint8Array.from(bytes);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(wrong(changed)).toBeDefined();
    }
  });

  test("that is cut anywhere, or goes on after its end, is refused", () => {
    for (const { hex } of PUBLISHED) {
      const bytes = hexToBytes(hex);
      for (let length = 0; length < bytes.length; length += 1)
        expect(wrong(bytes.subarray(0, length))).toBeDefined();
      expect(wrong(Uint8Array.of(...bytes, 0))).toBe("bpv7");
    }
  });

  test("that is a fragment, has two payloads, a payload before others, or a number twice is refused", () => {
    const [{ is }] = PUBLISHED as [(typeof PUBLISHED)[number]];
    const [age, payload] = is.blocks as [Blocks["blocks"][number], Blocks["blocks"][number]];
    const encoded = (change: Partial<Blocks>) => encodeBlocks({ ...is, ...change });
    expect(wrong(encoded({ primary: { ...is.primary, flags: 1 } }))).toBe("primary.flags");
    expect(wrong(encoded({ blocks: [payload, { ...payload, number: 2 }] }))).toBe("bpv7");
    expect(wrong(encoded({ blocks: [payload, age] }))).toBe("bpv7");
    expect(wrong(encoded({ blocks: [{ ...age, number: 1 }, payload] }))).toBe("bpv7");
    expect(wrong(encoded({ blocks: [] }))).toBe("bpv7");
    const many = Array.from({ length: 16 }, (_, index) => ({ ...age, number: index + 2 }));
    expect(wrong(encoded({ blocks: [...many, payload] }))).toBe("bpv7");
  });
});

import { expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeHopRequest,
  decodeHopStatus,
  decodeStopStatus,
  encodeHopRequest,
  encodeHopStatus,
  encodeStopConnect,
  STATUS,
} from "../../../../src/mesh/engine/circuit-messages.ts";
import { FrameDecoder, FrameError, frameHeader } from "../../../../src/mesh/engine/frame-code.ts";
import {
  multihashOf,
  PeerIdError,
  peerIdOf,
  peerIdOfMultihash,
  publicKeyOf,
  publicKeyOfSeed,
} from "../../../../src/mesh/engine/peer-id.ts";
import {
  decodeFields,
  encodeFields,
  type Field,
  ProtobufError,
} from "../../../../src/mesh/engine/protobuf-fields.ts";

test("frames come out as they went in, however the stream is cut", () => {
  fc.assert(
    fc.property(
      fc.array(fc.uint8Array({ maxLength: 400 }), { maxLength: 8 }),
      fc.array(fc.integer({ min: 1, max: 50 })),
      (frames, cuts) => {
        const stream = Buffer.concat(frames.flatMap((frame) => [frameHeader(frame.length), frame]));
        const decoder = new FrameDecoder(1_000);
        const got: Uint8Array[] = [];
        for (let at = 0, i = 0; at < stream.length; i += 1) {
          const length = cuts[i] ?? 7;
          got.push(...decoder.decode(stream.subarray(at, at + length)));
          at += length;
        }
        expect(got).toEqual(frames);
        expect(decoder.isMidway).toBe(false);
      },
    ),
  );
});

test("a frame's length is multiformats' unsigned varint", () => {
  // The examples of the specification.
  const examples: [number, string][] = [
    [1, "01"],
    [127, "7f"],
    [128, "8001"],
    [255, "ff01"],
    [300, "ac02"],
    [16_384, "808001"],
  ];
  for (const [length, hex] of examples) expect(Buffer.from(frameHeader(length)).toString("hex")).toBe(hex);
});

test("whatever comes, a decoder of frames yields frames within its bound or says what is wrong", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 2_000 }), (bytes) => {
      try {
        for (const frame of new FrameDecoder(64).decode(bytes)) expect(frame.length).toBeLessThanOrEqual(64);
      } catch (error) {
        expect(error).toBeInstanceOf(FrameError);
      }
    }),
  );
  expect(() => [...new FrameDecoder(64).decode(Uint8Array.of(65))]).toThrow(/65 bytes/);
  expect(() => [...new FrameDecoder(64).decode(Uint8Array.of(0x81, 0))]).toThrow(/padded/);
  expect(() => [...new FrameDecoder(2 ** 30).decode(Buffer.alloc(5, 0xff))]).toThrow(/too long/);
});

test("a peer id names an Ed25519 key and nothing else", () => {
  // The Ed25519 key of libp2p's specification of peer ids, section "Test vectors": seed and public key.
  const seed = Buffer.from("7e0830617c4a7de83925dfb2694556b12936c477a0e1feb2e148ec9da60fee7d", "hex");
  const publicKey = Buffer.from("1ed1e8fae2c4a144b8be8fd4b47bf3d3b34b871c3cacf6010f0e42d474fce27e", "hex");
  expect(Buffer.from(publicKeyOfSeed(seed))).toEqual(publicKey);
  const peer = peerIdOf(publicKey);
  expect(peer).toStartWith("12D3KooW");
  // The identity multihash of the public key as that section encodes it.
  expect(Buffer.from(multihashOf(peer)).toString("hex")).toBe(`002408011220${publicKey.toString("hex")}`);
  expect(Buffer.from(publicKeyOf(peer))).toEqual(publicKey);
  expect(peerIdOfMultihash(multihashOf(peer))).toBe(peer);
  expect(() => peerIdOf(publicKey.subarray(1))).toThrow(PeerIdError);
  // An RSA key's, as go-ipfs made them.
  expect(() => publicKeyOf("QmYyQSo1c1Ym7orWxLYvCrM2EmxFTANf8wXmmE7DWjhx5N")).toThrow(PeerIdError);
  for (const text of ["", "12D3KooW", "x".repeat(10_000)])
    expect(() => publicKeyOf(text)).toThrow(PeerIdError);
});

test("protobuf fields come out as they went in", () => {
  const field = fc.tuple(
    fc.integer({ min: 1, max: 15 }),
    fc.oneof(fc.integer({ min: 0, max: 2 ** 45 }), fc.uint8Array({ maxLength: 300 })),
  );
  fc.assert(
    fc.property(fc.uniqueArray(field, { selector: ([number]) => number }), (fields: Field[]) => {
      expect([...decodeFields(encodeFields(fields))].map(([n, v]) => [n, plain(v)])).toEqual(
        fields.map(([n, v]) => [n, plain(v)]),
      );
    }),
  );
});

test("whatever comes, protobuf and circuit messages are read or refused", () => {
  fc.assert(
    fc.property(fc.uint8Array({ maxLength: 300 }), (bytes) => {
      try {
        decodeFields(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(ProtobufError);
      }
      for (const decode of [decodeHopRequest, decodeHopStatus, decodeStopStatus]) decode(bytes);
    }),
    { numRuns: 2_000 },
  );
});

test("circuit messages are those of libp2p's circuit relay", () => {
  // As protoc encodes them from the .proto of the specification.
  expect(Buffer.from(encodeHopRequest({ type: "reserve" })).toString("hex")).toBe("0800");
  expect(Buffer.from(encodeHopStatus(STATUS.noReservation)).toString("hex")).toBe("080228cc01");
  expect(Buffer.from(encodeHopStatus(STATUS.ok, 300)).toString("hex")).toBe("08021a0308ac022864");
  expect(decodeHopStatus(encodeHopStatus(STATUS.resourceLimitExceeded))).toBe(201);
  expect(decodeStopStatus(Buffer.from("08012064", "hex"))).toBe(STATUS.ok);
  const peer = peerIdOf(Buffer.alloc(32, 9));
  const asked = Buffer.from(encodeStopConnect(peer)).toString("hex");
  expect(asked).toBe(`080012280a26002408011220${"09".repeat(32)}`);
  expect(decodeHopRequest(Buffer.from(asked.replace("0800", "0801"), "hex"))).toEqual({
    type: "connect",
    peer,
  });
});

const plain = (value: number | Uint8Array): unknown => (typeof value === "number" ? value : [...value]);

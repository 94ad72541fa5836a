import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { NAT_KINDS } from "../../../../src/mesh/nat/nat-interface.ts";
import { MAX_CONTROL_BYTES } from "../../../../src/mesh/paths/paths-interface.ts";
import { isUnicast } from "../../../../src/mesh/tunnels/endpoint-rules.ts";
import {
  decodeRelayMessage,
  decodeTunnelMessage,
  encodeRelayMessage,
  encodeTunnelMessage,
  MAX_CANDIDATES,
  MAX_PURPOSE,
  type RelayMessage,
  type TunnelMessage,
  TunnelMessageError,
} from "../../../../src/mesh/tunnels/tunnel-messages.ts";

const endpoint = fc.record({
  address: fc.oneof(fc.ipV4(), fc.ipV6()).filter(isUnicast),
  port: fc.integer({ min: 1, max: 65_535 }),
});
const endpoints = fc.array(endpoint, { maxLength: MAX_CANDIDATES });
const some = fc.array(endpoint, { minLength: 1, maxLength: MAX_CANDIDATES });
const at = fc.record({ nat: fc.constantFrom(...NAT_KINDS), endpoints, metered: fc.boolean() });
const bytes = (length: number) => fc.uint8Array({ minLength: length, maxLength: length });
const id = bytes(16);
const peer = fc.stringMatching(/^[1-9A-HJ-NP-Za-km-z]{1,60}$/);
const text = (maxLength: number) =>
  fc.string({ maxLength, unit: "grapheme" }).filter((s) => s.length <= maxLength);

const tunnelMessage: fc.Arbitrary<TunnelMessage> = fc.oneof(
  fc.record({ type: fc.constant("offer" as const), id, key: bytes(32), purpose: text(MAX_PURPOSE), at }),
  fc.record({ type: fc.constant("accept" as const), id, key: bytes(32), at }),
  fc.record({ type: fc.constant("candidates" as const), id, sequence: fc.nat(), at }),
  fc.record({ type: fc.constant("relayed" as const), id, relay: peer, endpoints }),
  fc.record({ type: fc.constant("bye" as const), id, reason: text(100) }),
  fc.record({
    type: fc.constant("grant" as const),
    id,
    yours: some,
    theirs: some,
    lifetimeS: fc.integer({ min: 1, max: 86_400 }),
  }),
  fc.record({ type: fc.constant("deny" as const), id, reason: text(100) }),
  fc.record({ type: fc.constant("observed" as const), id, other: endpoint }),
  fc.record({ type: fc.constant("relay-over" as const), id }),
);

const relayMessage: fc.Arbitrary<RelayMessage> = fc.oneof(
  fc.record({
    type: fc.constant("request" as const),
    id,
    other: peer,
    family: fc.constantFrom(4 as const, 6 as const),
    observe: fc.boolean(),
  }),
  fc.record({ type: fc.constant("end" as const), id }),
);

const longAddress = "2001:db8:1111:2222:3333:4444:5555:6666";
const most = Array(MAX_CANDIDATES).fill({ address: longAddress, port: 65_535 });

describe("Messages about tunnels", () => {
  test("are the same after encoding and decoding", () => {
    fc.assert(
      fc.property(tunnelMessage, (message) => {
        expect(decodeTunnelMessage(encodeTunnelMessage(message))).toEqual(message);
      }),
    );
    fc.assert(
      fc.property(relayMessage, (message) => {
        expect(decodeRelayMessage(encodeRelayMessage(message))).toEqual(message);
      }),
    );
  });

  test("fit into a control message even when everything in them is as long as it may be", () => {
    const id = new Uint8Array(16);
    const longest: TunnelMessage[] = [
      {
        ...{ type: "offer", id, key: new Uint8Array(32), purpose: "漢".repeat(500) },
        at: { nat: "symmetric", endpoints: most, metered: false },
      },
      { type: "grant", id, yours: most, theirs: most, lifetimeS: 86_400 },
      { type: "relayed", id, relay: "z".repeat(64), endpoints: most },
      { type: "bye", id, reason: "漢".repeat(500) },
    ];
    for (const message of longest) {
      const encoded = encodeTunnelMessage(message);
      expect(encoded.length).toBeLessThanOrEqual(MAX_CONTROL_BYTES);
      expect(decodeTunnelMessage(encoded).type).toBe(message.type);
    }
  });

  test("of random bytes are refused with an error of their own", () => {
    const refusesOrReads = (decode: (bytes: Uint8Array) => unknown) => (bytes: Uint8Array) => {
      try {
        decode(bytes);
      } catch (error) {
        expect(error).toBeInstanceOf(TunnelMessageError);
      }
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refusesOrReads(decodeTunnelMessage)));
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), refusesOrReads(decodeRelayMessage)));
  });

  test("with one byte changed are refused or another message, never something else", () => {
    fc.assert(
      fc.property(tunnelMessage, fc.nat(), fc.integer({ min: 1, max: 255 }), (message, where, change) => {
        const encoded = encodeTunnelMessage(message);
        const at = where % encoded.length;
        encoded[at] = (encoded[at] ?? 0) ^ change;
        try {
          expect(typeof decodeTunnelMessage(encoded).type).toBe("string");
        } catch (error) {
          expect(error).toBeInstanceOf(TunnelMessageError);
        }
      }),
    );
  });

  test("name no address to which nobody should be made to send", () => {
    const bad = [
      "127.0.0.1",
      "0.0.0.0",
      "224.0.0.1",
      "255.255.255.255",
      "169.254.1.1",
      "::1",
      "::",
      "ff02::1",
    ];
    for (const address of [
      ...bad,
      "fe80::1",
      "::ffff:127.0.0.1",
      "::ffff:192.0.2.1",
      "64:ff9b::192.0.2.1",
      "0:0:0:0:0:ffff:7f00:1",
    ]) {
      const message = { type: "observed", id: new Uint8Array(16), other: { address, port: 9 } } as const;
      expect(() => decodeTunnelMessage(encodeTunnelMessage(message))).toThrow(TunnelMessageError);
    }
    for (const address of ["192.0.2.1", "10.0.0.1", "2001:db8::1", "fd00::1"]) {
      const message = { type: "observed", id: new Uint8Array(16), other: { address, port: 9 } } as const;
      expect(decodeTunnelMessage(encodeTunnelMessage(message))).toEqual(message);
    }
  });
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { replyRtt } from "../../../../src/mesh/tunnels/tunnel-prober.ts";
import { parseWireGuardDump, WireGuardDumpError } from "../../../../src/mesh/tunnels/wireguard-dump.ts";
import { wireGuardPacket } from "../../../../src/mesh/tunnels/wireguard-packet.ts";

const KEY = "LxVLkPytkfpnjwLofx2Db3hhDzit2+WqYYsPfYPQXCo=";
const dump = (endpoint: string) =>
  `private\tpublic\t51820\toff\n${KEY}\t(none)\t${endpoint}\tfe80::2/128\t1795875050\t1084\t1140\toff\n`;

describe("What wg(8) shows", () => {
  test("is read without the private key", () => {
    const status = parseWireGuardDump(dump("192.0.2.7:4500"));
    expect(status).toEqual({
      listenPort: 51_820,
      peer: {
        publicKey: KEY,
        endpoint: { address: "192.0.2.7", port: 4_500 },
        handshakeAt: 1_795_875_050,
        receivedBytes: 1_084,
        sentBytes: 1_140,
      },
    });
    expect(JSON.stringify(status)).not.toContain("private");
  });

  test("may have an IPv6 endpoint, one with a zone, or none", () => {
    expect(parseWireGuardDump(dump("[2001:db8::1]:9")).peer?.endpoint).toEqual({
      address: "2001:db8::1",
      port: 9,
    });
    expect(parseWireGuardDump(dump("[fe80::1%eth0]:9")).peer?.endpoint?.address).toBe("fe80::1%eth0");
    expect(parseWireGuardDump(dump("(none)")).peer).not.toHaveProperty("endpoint");
    expect(parseWireGuardDump("private\tpublic\t7\toff\n")).toEqual({ listenPort: 7 });
  });

  test("is refused with an error of its own when it is something else", () => {
    fc.assert(
      fc.property(fc.string(), (text) => {
        try {
          parseWireGuardDump(text);
        } catch (error) {
          expect(error).toBeInstanceOf(WireGuardDumpError);
        }
      }),
    );
  });
});

describe("A line of ping(8)", () => {
  test("tells a round trip when it is a reply, and nothing otherwise", () => {
    expect(replyRtt("24 bytes from fe80::2%omt-1: icmp_seq=1 ttl=64 time=0.148 ms")).toBe(0.148);
    expect(replyRtt("24 bytes from 10.0.0.1: icmp_seq=7 ttl=64 time=1203 ms")).toBe(1_203);
    expect(replyRtt("From fe80::1 icmp_seq=3 Destination unreachable: Address unreachable")).toBeUndefined();
    expect(replyRtt("ping: sendmsg: Required key not available")).toBeUndefined();
    expect(replyRtt("PING fe80::2%omt-1(fe80::2%omt-1) from fe80::1%omt-1: 16 data bytes")).toBeUndefined();
  });
});

describe("A WireGuard datagram", () => {
  const packet = (type: number, length: number, ...indices: number[]) => {
    const buffer = Buffer.alloc(length);
    buffer.writeUInt32LE(type);
    indices.forEach((index, at) => {
      buffer.writeUInt32LE(index, 4 + 4 * at);
    });
    return buffer;
  };

  test("is told apart by type and length, with its indices", () => {
    expect(wireGuardPacket(packet(1, 148, 0xdeadbeef))).toEqual({ kind: "initiation", sender: 0xdeadbeef });
    expect(wireGuardPacket(packet(2, 92, 5, 6))).toEqual({ kind: "response", sender: 5, receiver: 6 });
    expect(wireGuardPacket(packet(3, 64, 7))).toEqual({ kind: "cookie", receiver: 7 });
    expect(wireGuardPacket(packet(4, 32, 8))).toEqual({ kind: "data", receiver: 8 });
    expect(wireGuardPacket(packet(4, 1_312, 9))).toEqual({ kind: "data", receiver: 9 });
  });

  test("of another length or type, or with its reserved bytes set, is none", () => {
    for (const [type, length] of [
      [1, 147],
      [1, 149],
      [2, 91],
      [3, 65],
      [4, 33],
      [4, 31],
      [5, 148],
      [0, 32],
      [0x104, 32],
    ] as const) {
      expect(wireGuardPacket(packet(type, length))).toBeUndefined();
    }
    expect(wireGuardPacket(new Uint8Array())).toBeUndefined();
  });
});

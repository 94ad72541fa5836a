import { describe, expect, test } from "bun:test";
import { decode, encode } from "cborg";
import fc from "fast-check";
import {
  type LeaseCommand,
  LeaseCommandError,
  MAX_COMMAND_BYTES,
  MAX_LEASES_NAMED,
  openLeaseCommand,
  signLeaseCommand,
  signLeaseRequest,
} from "../../../../src/vm/request/index.ts";
import { fixedRequest, hex, requester, stranger } from "./fixed-request.ts";

const who = { requester: hex(requester.publicKey), serial: 1_790_000_000_123 };
const LEASE = "00112233445566778899aabbccddeeff";
const release: LeaseCommand = { kind: "release", ...who, lease: LEASE };
const checkpoint: LeaseCommand = { kind: "checkpoint", ...who, lease: LEASE };
const keepAlive: LeaseCommand = { kind: "keep-alive", ...who, leases: [LEASE, "ff".repeat(16)] };

function problemOf(make: () => unknown): string {
  try {
    make();
  } catch (error) {
    if (error instanceof LeaseCommandError) return error.message;
    throw error;
  }
  return "it was taken";
}

/** A command's elements, one of them changed, signed again by the requester. */
function forged(command: LeaseCommand, index: number, value: unknown): Uint8Array {
  const elements: unknown = decode(signLeaseCommand(command, requester));
  if (!Array.isArray(elements)) throw new Error("no array");
  const said = elements.slice(0, -1).map((element: unknown, at) => (at === index ? value : element));
  const signed = Buffer.concat([Buffer.from("omerta-box lease command 1\0"), encode(said)]);
  return Uint8Array.from(encode([...said, requester.sign(signed)]));
}

describe("a command about leases", () => {
  test.each([
    [
      "to release one",
      release,
      "8601015820d54207da194977dcf46adbfec2bc2e75b52d5a8a42184fedfdc00024f0e3e8da1b000001a0c4506c7b815000112233445566778899aabbccddeeff5840fb1751e27458864018b73ae38ef39183df7fb4dec14d7d88d78b781dfccf1ab81667fae278c9e272c7cb8ae928949af088aac122efd5df1354e095a34569270e",
    ],
    [
      "to keep two",
      keepAlive,
      "8601025820d54207da194977dcf46adbfec2bc2e75b52d5a8a42184fedfdc00024f0e3e8da1b000001a0c4506c7b825000112233445566778899aabbccddeeff50ffffffffffffffffffffffffffffffff5840a82aad9939198fc55665f30268c3e6bc325cdebcc1887354a34dbbb67ed06cf27c6406d9462559c14a87c26a444ceab38f8de53349401fc12f07816551810505",
    ],
    [
      "to write one down",
      checkpoint,
      "8601035820d54207da194977dcf46adbfec2bc2e75b52d5a8a42184fedfdc00024f0e3e8da1b000001a0c4506c7b815000112233445566778899aabbccddeeff5840d6512d8779a8f4d76d4aba70645ac6713dd55a46095756d73b6e9f803d5d1b191a979322c868fc2e7384ea8bcdb7f1e32f06b7e66d1f76d1b41e9f155910db02",
    ],
  ])("%s has bytes that must not change, and is read as it was written", (_, command, bytes) => {
    expect(hex(signLeaseCommand(command, requester))).toBe(bytes);
    expect(openLeaseCommand(signLeaseCommand(command, requester))).toEqual(command);
  });

  test("may keep none, and as many as fit", () => {
    for (const count of [0, MAX_LEASES_NAMED]) {
      const command: LeaseCommand = {
        kind: "keep-alive",
        requester: who.requester,
        serial: 2 ** 48,
        leases: new Array(count).fill(LEASE),
      };
      const bytes = signLeaseCommand(command, requester);
      expect(bytes.length).toBeLessThan(MAX_COMMAND_BYTES);
      expect(openLeaseCommand(bytes)).toEqual(command);
    }
  });

  test("is not signed when it says what none may", () => {
    expect(problemOf(() => signLeaseCommand(release, stranger))).toBe("command.requester: is not who signs");
    const many = { ...keepAlive, leases: new Array<string>(65).fill(LEASE) };
    expect(problemOf(() => signLeaseCommand(many, requester))).toBe("command.leases: are more than 64");
    for (const lease of ["", "../x", LEASE.toUpperCase()]) {
      expect(problemOf(() => signLeaseCommand({ ...release, lease }, requester))).toStartWith(
        "command.lease: ",
      );
    }
    for (const serial of [-1, 0.5, 2 ** 49, Number.NaN]) {
      expect(problemOf(() => signLeaseCommand({ ...release, serial }, requester))).toStartWith(
        "command.serial: ",
      );
    }
  });

  test.each<[string, LeaseCommand, number, unknown, string]>([
    ["another version", release, 0, 2, "command.version: is not 1"],
    ["a kind that is not known", release, 1, 4, "command.kind: 4 is not known here"],
    ["a release of two", keepAlive, 1, 1, "command.leases: names not one lease alone"],
    ["a release of none", release, 4, [], "command.leases: names not one lease alone"],
    ["somebody else's name", release, 2, stranger.publicKey, "command.signature: is not the requester's"],
    ["a serial beyond all", release, 3, 2 ** 49, "command.serial: is no whole number"],
    [
      "65 leases",
      keepAlive,
      4,
      new Array(65).fill(new Uint8Array(16)),
      "command.leases: 65 elements, more than 64",
    ],
    ["an id that is none", keepAlive, 4, [new Uint8Array(15)], "command.leases.0: 15 bytes, not 16"],
  ])("is refused with %s", (_, command, index, value, words) => {
    expect(problemOf(() => openLeaseCommand(forged(command, index, value)))).toStartWith(words);
  });

  test("is refused with one bit changed in whatever byte, cut off anywhere and above its size unread", () => {
    const bytes = signLeaseCommand(keepAlive, requester);
    for (let index = 0; index < bytes.length; index += 1) {
      const copy = Uint8Array.from(bytes);
      copy[index] = (copy[index] ?? 0) ^ (1 << (index & 7));
      expect(problemOf(() => openLeaseCommand(copy))).not.toBe("it was taken");
      expect(problemOf(() => openLeaseCommand(bytes.subarray(0, index)))).not.toBe("it was taken");
    }
    expect(problemOf(() => openLeaseCommand(new Uint8Array(2_049)))).toBe(
      "command: 2049 bytes, more than 2048",
    );
  });

  test("is no request", () => {
    expect(problemOf(() => openLeaseCommand(signLeaseRequest(fixedRequest(), requester)))).toStartWith(
      "command",
    );
  });

  test("of whatever bytes is refused with a field named", () => {
    const check = (bytes: Uint8Array) => {
      expect(problemOf(() => openLeaseCommand(bytes))).toStartWith("command");
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 200 }), check), { numRuns: 1_000 });
    const element = fc.oneof(
      fc.uint8Array({ maxLength: 70 }),
      fc.nat(5),
      fc.string(),
      fc.constant<unknown[]>([[]]),
    );
    const arrays = fc.array(element, { maxLength: 8 }).map((elements) => Uint8Array.from(encode(elements)));
    fc.assert(fc.property(arrays, check), { numRuns: 1_000 });
  });
});

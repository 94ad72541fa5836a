import { describe, expect, test } from "bun:test";
import { createHash } from "node:crypto";
import { decode, encode } from "cborg";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import type { SigningKey } from "../../../../src/identity/index.ts";
import {
  type LeaseRequest,
  LeaseRequestError,
  MAX_SIGNED_REQUEST_BYTES,
  openSignedLeaseRequest,
  signLeaseCommand,
  signLeaseRequest,
} from "../../../../src/vm/request/index.ts";
import { sshKeyOfBlob } from "../../../../src/vm/request/ssh-public-key.ts";
import { fixedRequest, hex, requester, stranger } from "./fixed-request.ts";

const PROVIDER = "ab".repeat(32);

function problemOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof LeaseRequestError) return error.message;
    throw error;
  }
  return "it was taken";
}

const restoring = () => fixedRequest({ restoreFrom: { checkpoint: "0f".repeat(16), key: "a5".repeat(80) } });

/** The elements of a signed request, one of them changed, and signed again by whoever has a key. */
function forged(index: number, value: unknown, key: SigningKey = requester): Uint8Array {
  const elements: unknown = decode(signLeaseRequest(fixedRequest(), requester));
  if (!Array.isArray(elements)) throw new Error("no array");
  const said = elements.slice(0, -1).map((element: unknown, at) => (at === index ? value : element));
  const signed = Buffer.concat([Buffer.from("omerta-box lease request 1\0"), encode(said)]);
  return Uint8Array.from(encode([...said, key.sign(signed)]));
}

describe("a signed request", () => {
  test("has bytes that must not change", () => {
    expect(hex(signLeaseRequest(fixedRequest(), requester, PROVIDER))).toBe(
      "96015000112233445566778899aabbccddeeff5820d54207da194977dcf46adbfec2bc2e75b52d5a8a42184fedfdc00024f0e3e8da480123456789abcdef011901001904001907d0001902586964656269616e2d3132781d436f756e7420746865206865726f6e73206f66207468652064656c746158330000000b7373682d656432353531390000002004f68b8a0ed43a7876bf2cf847982a3897048304c9b723202db92ad34f7699a7582057db4b359f23ae5e146e4e2512056704722506348c150c14753d0c933d04d4215020010db800000000000000000000000719ca6c440a4d0002440a4d0001011b000001a0c4506c005820abababababababababababababababababababababababababababababababab5840a2457cf705aba943096114ee30829fade26a985f7998a8b278f17eca1543a45d50514451cc5380ec037eabd302c303f4a441163cc9a2ff9a6bafd15f1ca9f10c",
    );
  });

  test("of a stranger with the least of everything has bytes that must not change", () => {
    expect(hex(signLeaseRequest(least(), requester))).toBe(
      "96015000112233445566778899aabbccddeeff5820d54207da194977dcf46adbfec2bc2e75b52d5a8a42184fedfdc00024f0e3e8da4001010000001902586964656269616e2d31326058330000000b7373682d656432353531390000002004f68b8a0ed43a7876bf2cf847982a3897048304c9b723202db92ad34f7699a7582057db4b359f23ae5e146e4e2512056704722506348c150c14753d0c933d04d4214000440a4d00024000004058401e8c68d69a84a22dc40ed7888359c2d59dec7476f322998d6e7aa5736464960c31b02858abbce2dbc8f6f159223fa1aa82921a60c36cb49bfe82159c576e3709",
    );
  });

  test("of a machine that was saved has bytes of a second version that must not change", () => {
    const bytes = signLeaseRequest(restoring(), requester, PROVIDER);
    expect(hex(bytes)).toStartWith("981802");
    expect(hex(Uint8Array.from(createHash("sha256").update(bytes).digest()))).toBe(
      "1ae67036d1f1775563a3e0799ebc068ddbc29b419e4f29252d9947f23809cff2",
    );
  });

  test("says nothing in the second version that can be said in the first", () => {
    const elements: unknown = decode(signLeaseRequest(fixedRequest(), requester));
    if (!Array.isArray(elements)) throw new Error("no array");
    const said = [2, ...elements.slice(1, -1)];
    const signed = Buffer.concat([Buffer.from("omerta-box lease request 1\0"), encode(said)]);
    const forgery = Uint8Array.from(encode([...said, requester.sign(signed)]));
    expect(problemOf(() => openSignedLeaseRequest(forgery))).toStartWith("request.restoreFrom.checkpoint: ");
  });

  test("is read as it was written", () => {
    for (const request of [fixedRequest(), least(), restoring()]) {
      expect(openSignedLeaseRequest(signLeaseRequest(request, requester))).toEqual(request);
    }
  });

  test("fits into its bytes with the longest of everything", () => {
    const modulus = [0, 0, 4, 1, 0, 0x80, ...new Array<number>(1_023).fill(1)];
    const exponent = [0, 0, 0, 8, 0x7f, 1, 1, 1, 1, 1, 1, 1];
    const sshKey = sshKeyOfBlob(
      Uint8Array.from([0, 0, 0, 7, ...Buffer.from("ssh-rsa"), ...exponent, ...modulus]),
    );
    const longest = fixedRequest({
      resources: {
        cpus: 256,
        memoryMiB: 1_048_576,
        diskMiB: 16_777_216,
        upKbit: 100_000_000,
        downKbit: 100_000_000,
      },
      durationS: 30 * 86_400,
      image: "x".repeat(32),
      activity: "😀".repeat(500),
      sshKey,
      createdAt: 2 ** 48,
    });
    const bytes = signLeaseRequest(longest, requester, PROVIDER);
    expect(bytes.length).toBeLessThan(MAX_SIGNED_REQUEST_BYTES - 500);
    expect(openSignedLeaseRequest(bytes, PROVIDER)).toEqual(longest);
  });

  test("is not signed by somebody else than it names, nor when it does not hold", () => {
    expect(problemOf(() => signLeaseRequest(fixedRequest(), stranger))).toBe(
      "request.requester: is not who signs",
    );
    expect(problemOf(() => signLeaseRequest(fixedRequest({ image: "../x" }), requester))).toStartWith(
      "request.image: ",
    );
    expect(problemOf(() => signLeaseRequest(fixedRequest(), requester, "box"))).toStartWith(
      "request.provider: ",
    );
  });

  test("is refused with one bit changed in whatever byte", () => {
    const bytes = signLeaseRequest(fixedRequest(), requester, PROVIDER);
    for (let index = 0; index < bytes.length; index += 1) {
      const copy = Uint8Array.from(bytes);
      copy[index] = (copy[index] ?? 0) ^ (1 << (index & 7));
      expect(problemOf(() => openSignedLeaseRequest(copy, PROVIDER))).not.toBe("it was taken");
    }
  });

  test("is refused cut off anywhere, with a byte too many, and above its size unread", () => {
    const bytes = signLeaseRequest(fixedRequest(), requester);
    for (let length = 0; length < bytes.length; length += 1) {
      expect(problemOf(() => openSignedLeaseRequest(bytes.subarray(0, length)))).not.toBe("it was taken");
    }
    expect(problemOf(() => openSignedLeaseRequest(Uint8Array.from([...bytes, 0])))).not.toBe("it was taken");
    expect(problemOf(() => openSignedLeaseRequest(new Uint8Array(4_097)))).toBe(
      "request: 4097 bytes, more than 4096",
    );
  });

  test("is refused when somebody else signs in the requester's name", () => {
    expect(problemOf(() => openSignedLeaseRequest(forged(4, 2, stranger)))).toBe(
      "request.signature: is not the requester's",
    );
  });

  test("is refused when its signature is one under something else", () => {
    const said = forgedElements();
    for (const domain of ["", "omerta-box lease command 1\0", "omerta-box lease request 2\0"]) {
      const signature = requester.sign(Buffer.concat([Buffer.from(domain), encodeCbor(said)]));
      const bytes = encodeCbor([...said, signature]);
      expect(problemOf(() => openSignedLeaseRequest(bytes))).toBe(
        "request.signature: is not the requester's",
      );
    }
  });

  test("of one box is refused by another, and by one that does not know who it is", () => {
    const bytes = signLeaseRequest(fixedRequest(), requester, PROVIDER);
    expect(openSignedLeaseRequest(bytes, PROVIDER)).toEqual(fixedRequest());
    for (const self of [undefined, "cd".repeat(32)]) {
      expect(problemOf(() => openSignedLeaseRequest(bytes, self))).toBe("request.provider: is another box");
    }
    // One that names none is for any.
    expect(openSignedLeaseRequest(signLeaseRequest(fixedRequest(), requester), PROVIDER)).toEqual(
      fixedRequest(),
    );
  });

  // Signed by the requester's own key, so that nothing but the form can be the reason.
  test.each<[string, number, unknown, string]>([
    ["another version", 0, 3, "request.version: is not 1"],
    ["a shorter id", 1, new Uint8Array(15), "request.id: 15 bytes, not 16"],
    ["a network id of another length", 3, new Uint8Array(7), "request.network: is not 8 bytes long"],
    ["no core", 4, 0, "request.resources.cpus: is no whole number from 1 to 256"],
    ["a fraction of a core", 4, 0.5, "request.resources.cpus: is no whole number from 0 to 256"],
    ["no time", 9, 0, "request.durationS: is no whole number"],
    ["an image that is a path", 10, "../etc", "request.image: is not 1 to 32"],
    ["a description that draws on a screen", 11, "\u001b[2J", "request.activity: has a character"],
    ["an SSH key that is none", 12, new Uint8Array(52), "request.sshKey: is neither"],
    ["no SSH key", 12, new Uint8Array(0), "request.sshKey: is neither"],
    [
      "a WireGuard key with which nothing is secret",
      13,
      new Uint8Array(32),
      "request.tunnel.publicKey: is a point",
    ],
    [
      "an endpoint on the box itself",
      14,
      Uint8Array.of(127, 0, 0, 1),
      "request.tunnel.endpoint.address: is no",
    ],
    ["an endpoint of five bytes", 14, new Uint8Array(5), "request.tunnel.endpoint.address: is neither"],
    ["a port without an address", 14, new Uint8Array(0), "request.tunnel.endpoint.port: has no address"],
    ["an address without a port", 15, 0, "request.tunnel.endpoint.port: is no whole number from 1"],
    ["no address inside", 16, new Uint8Array(0), "request.tunnel.address: is missing"],
    ["IPv6 inside", 16, new Uint8Array(16), "request.tunnel.address: is no IPv4 address"],
    [
      "the machine's link inside",
      16,
      Uint8Array.of(10, 0, 2, 9),
      "request.tunnel.address: is in 10.0.2.2/24",
    ],
    ["a public name server", 17, Uint8Array.of(8, 8, 8, 8), "request.tunnel.dns: is no IPv4 address"],
    ["a consent that is neither", 18, 2, "request.acceptsInspection: is no whole number from 0 to 1"],
    ["a consent in another form", 18, true, "request.acceptsInspection: is no whole number from 0 to 1"],
    ["a time beyond all", 19, 2 ** 49, "request.createdAt: is no whole number"],
  ])("is refused with %s, whoever has signed it", (_, index, value, words) => {
    expect(problemOf(() => openSignedLeaseRequest(forged(index, value)))).toStartWith(words);
  });

  test("is refused with an endpoint that was not written in its one form", () => {
    const mapped = Uint8Array.from([...new Array<number>(10).fill(0), 0xff, 0xff, 198, 51, 100, 7]);
    expect(problemOf(() => openSignedLeaseRequest(forged(14, mapped)))).toStartWith(
      "request.tunnel.endpoint.address",
    );
  });

  test("is no command, and a command is no request", () => {
    const command = {
      kind: "release",
      requester: hex(requester.publicKey),
      serial: 1,
      lease: "0".repeat(32),
    } as const;
    expect(problemOf(() => openSignedLeaseRequest(signLeaseCommand(command, requester)))).not.toBe(
      "it was taken",
    );
  });

  test("of whatever bytes is refused with a field named", () => {
    const bytes = signLeaseRequest(fixedRequest(), requester);
    const check = (given: Uint8Array) => {
      expect(problemOf(() => openSignedLeaseRequest(given))).toStartWith("request");
    };
    fc.assert(fc.property(fc.uint8Array({ maxLength: 300 }), check), { numRuns: 700 });
    const element = fc.oneof(
      fc.uint8Array({ maxLength: 70 }),
      fc.nat(),
      fc.string(),
      fc.constant<unknown[]>([]),
    );
    const arrays = fc.array(element, { maxLength: 24 }).map((elements) => Uint8Array.from(encode(elements)));
    fc.assert(fc.property(arrays, check), { numRuns: 700 });
    const at = fc.nat(bytes.length - 1);
    const patches = fc.tuple(at, fc.uint8Array({ minLength: 1, maxLength: 8 })).map(([start, patch]) => {
      const copy = Uint8Array.from(bytes);
      copy.set(patch.subarray(0, copy.length - start), start);
      return copy;
    });
    fc.assert(
      fc.property(
        patches.filter((copy) => hex(copy) !== hex(bytes)),
        check,
      ),
      { numRuns: 700 },
    );
  });

  test("of whatever element, signed by the requester, is refused with a field named or read as a request that holds", () => {
    const value = fc.oneof(
      fc.uint8Array({ maxLength: 40 }),
      fc.nat(),
      fc.string(),
      fc.boolean(),
      fc.double(),
      fc.constant(null),
    );
    fc.assert(
      fc.property(fc.nat(20), value, (index, what) => {
        const bytes = forged(index, what);
        try {
          const request = openSignedLeaseRequest(bytes);
          expect(hex(signLeaseRequest(request, requester))).toBe(hex(bytes));
        } catch (error) {
          expect(error).toBeInstanceOf(LeaseRequestError);
        }
      }),
      { numRuns: 600 },
    );
  });
});

function least(): LeaseRequest {
  const { publicKey, address } = fixedRequest().tunnel;
  return fixedRequest({
    network: undefined,
    resources: { cpus: 1, memoryMiB: 1, diskMiB: 0, upKbit: undefined, downKbit: undefined },
    activity: "",
    tunnel: { publicKey, endpoint: undefined, address, dns: undefined },
    acceptsInspection: false,
    createdAt: 0,
  });
}

function forgedElements() {
  const elements: unknown = decode(signLeaseRequest(fixedRequest(), requester));
  if (!Array.isArray(elements)) throw new Error("no array");
  return elements.slice(0, -1);
}

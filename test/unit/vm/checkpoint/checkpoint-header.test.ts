import { describe, expect, test } from "bun:test";
import { decode, encode } from "cborg";
import fc from "fast-check";
import {
  type CheckpointHeader,
  decodeCheckpointHeader,
  encodeCheckpointHeader,
} from "../../../../src/vm/checkpoint/checkpoint-header.ts";
import {
  CheckpointError,
  decodeCheckpointHead,
  encodeCheckpointHead,
  MAX_HEAD_BYTES,
} from "../../../../src/vm/checkpoint/index.ts";
import { hex } from "../request/fixed-request.ts";
import { fixedHeader } from "./fixed-checkpoint.ts";

function problemOf(read: () => unknown): string {
  try {
    read();
  } catch (error) {
    if (error instanceof CheckpointError) return error.message;
    throw error;
  }
  return "it was taken";
}

/** The header with one element changed, as whoever wants can write it. */
function forged(index: number, value: unknown): Uint8Array {
  const elements: unknown = decode(encodeCheckpointHeader(fixedHeader()));
  if (!Array.isArray(elements)) throw new Error("no array");
  return Uint8Array.from(encode(elements.map((element: unknown, at) => (at === index ? value : element))));
}

const digits = (count: number) =>
  fc.uint8Array({ minLength: count / 2, maxLength: count / 2 }).map((bytes) => hex(bytes));
const header: fc.Arbitrary<CheckpointHeader> = fc
  .record({
    id: digits(32),
    savedBy: digits(64),
    requester: digits(64),
    sealedKey: fc.uint8Array({ minLength: 80, maxLength: 80 }),
    image: fc.record({ name: fc.stringMatching(/^[a-z0-9][a-z0-9.-]{0,31}$/), digest: digits(64) }),
    machine: fc.record({
      architecture: fc.constantFrom("x64" as const, "arm64" as const),
      accelerator: fc.constantFrom("kvm" as const, "emulation" as const),
      type: fc.stringMatching(/^[a-z0-9.-]{1,32}$/),
      cpu: fc.stringMatching(/^[A-Za-z0-9_.-]{1,64}$/),
      qemu: fc.nat(999_999_999),
    }),
    resources: fc.record({ cpus: fc.nat(256), memoryMiB: fc.nat(1_048_576), diskMiB: fc.nat(16_777_216) }),
    leftS: fc.nat(),
    hostKey: fc.constantFrom("", fixedHeader().hostKey),
    stateBytes: fc.integer({ min: 1, max: 2 ** 40 }),
    diskBytes: fc.integer({ min: 1, max: 2 ** 40 }),
  })
  .map((one) => ({
    ...fixedHeader(),
    ...one,
    diskBytes: one.resources.diskMiB === 0 ? 0 : one.diskBytes,
  }));

describe("what stands before a saved machine", () => {
  test("has bytes that must not change", () => {
    expect(hex(encodeCheckpointHead(fixedHeader()).bytes)).toBe(
      "4f4d564d434b503101978d015000112233445566778899aabbccddeeff582043046bfe4092b3e94994eada15dcc20d8aaa07b658fd3954eb8e0efb8bdca5de5820d54207da194977dcf46adbfec2bc2e75b52d5a8a42184fedfdc00024f0e3e8da5850eab18339d160ed2461eb358dadbedbd547ac50a62c007d16cb5400eb92bd4f02fe0eba979deb2afdfd63352674e4d43cefaa4fb7f20b22b8664489477e0b03c730a38700b0cdb2a8f090823e965c81798265736d616c6c5820c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1c1856378363469656d756c6174696f6e6a70632d7133352d372e32674e6568616c656d1a006ad7a683011901000019021c867135323a35343a30303a30613a30303a30666931302e302e322e31357130323a30303a30303a30303a30323a30326831302e302e322e32181819058c78507373682d65643235353139204141414143334e7a6143316c5a4449314e544535414141414941543269346f4f31447034647238732b4565594b6a695842494d457962636a494332354b744e5064706d6e1a00030d4000",
    );
  });

  test("is read as it was written, with whatever behind it", () => {
    fc.assert(
      fc.property(header, fc.uint8Array({ maxLength: 40 }), (one, rest) => {
        const { bytes } = encodeCheckpointHead(one);
        expect(decodeCheckpointHead(Buffer.concat([bytes, rest]))).toEqual({ header: one, bytes });
        expect(bytes.length).toBeLessThanOrEqual(MAX_HEAD_BYTES);
      }),
    );
  });

  test("is refused where it is cut off, at every byte", () => {
    const { bytes } = encodeCheckpointHead(fixedHeader());
    for (let length = 0; length < bytes.length; length += 1)
      expect(problemOf(() => decodeCheckpointHead(bytes.subarray(0, length)))).toBe(
        "checkpoint: is cut off in its header",
      );
  });

  test("of whatever bytes is refused with a field named", () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 600 }), (bytes) => {
        expect(problemOf(() => decodeCheckpointHead(bytes))).toStartWith("checkpoint");
        expect(problemOf(() => decodeCheckpointHeader(bytes))).toStartWith("checkpoint");
      }),
    );
  });

  test("with one byte changed is refused with a field named, or is another one that holds", () => {
    const { bytes } = encodeCheckpointHead(fixedHeader());
    fc.assert(
      fc.property(fc.nat(bytes.length - 1), fc.integer({ min: 1, max: 255 }), (at, change) => {
        const changed = Uint8Array.from(bytes);
        changed[at] = (changed[at] ?? 0) ^ change;
        const problem = problemOf(() => {
          const head = decodeCheckpointHead(changed);
          expect(encodeCheckpointHead(head.header).bytes).toEqual(head.bytes);
        });
        expect(problem === "it was taken" || problem.startsWith("checkpoint")).toBe(true);
      }),
      { numRuns: 500 },
    );
  });

  test.each<[string, number, unknown, string]>([
    ["another version", 0, 2, "checkpoint.version: is not 1"],
    ["a shorter key", 4, new Uint8Array(79), "checkpoint.sealedKey: 79 bytes"],
    ["an image that is a path", 5, ["../x", new Uint8Array(32)], "checkpoint.image.name: "],
    ["an architecture of its own", 6, ["ppc", "kvm", "p", "c", 1], "checkpoint.machine.architecture: "],
    ["a processor that is XML", 6, ["x64", "kvm", "p", "<x>", 1], "checkpoint.machine.cpu: "],
    ["more cores than there are", 7, [257, 1, 0], "checkpoint.resources.cpus: "],
    ["a disk that is not there", 7, [1, 256, 8], "checkpoint.diskBytes: "],
    [
      "an address that is none",
      9,
      ["52:54:00:0a:00:0f", "10.0.2", "52:54:00:0a:00:0f", "1.1.1.1", 24, 1420],
      "checkpoint.link.guestAddress: ",
    ],
    ["a host key that is two lines", 10, "ssh-rsa AAAA\nx", "checkpoint.hostKey: "],
    ["nothing in it", 11, 0, "checkpoint.stateBytes: are none"],
    ["more in it than any machine has", 11, 2 ** 40 + 1, "checkpoint.stateBytes: "],
  ])("is refused with %s", (_, index, value, words) => {
    expect(problemOf(() => decodeCheckpointHeader(forged(index, value)))).toStartWith(words);
  });
});

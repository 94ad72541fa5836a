import { describe, expect, test } from "bun:test";
import { ed25519 } from "@noble/curves/ed25519.js";
import { utf8ToBytes } from "@noble/hashes/utils.js";
import fc from "fast-check";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import { fromBpv7, toBpv7 } from "../../../../src/messages/bundle/bpv7.ts";
import { type Blocks, decodeBlocks, encodeBlocks } from "../../../../src/messages/bundle/bpv7-blocks.ts";
import { type Bundle, BundleError, KINDS } from "../../../../src/messages/bundle/bundle.ts";
import { bundleId, makeBundle, verifyBundle } from "../../../../src/messages/bundle/bundle-codec.ts";
import { anyBundle, bundleOfAnyKind } from "./any-bundle.ts";

const anyAgeMs = fc.nat({ max: 2 ** 33 });
const SEED = new Uint8Array(32).fill(7);
const HEX = Buffer.from(ed25519.getPublicKey(SEED)).toString("hex");
const POST = makeBundle(
  {
    kind: "post",
    sender: { as: "guest", key: ed25519.getPublicKey(SEED) },
    to: { kind: "room", room: "Größe 7" },
    priority: "room",
    lifetimeS: 3_600,
    createdS: Date.UTC(2026, 6, 1) / 1_000,
    sequence: 5,
    body: utf8ToBytes("body"),
  },
  (message) => ed25519.sign(message, SEED),
);

const blocksOf = (bundle: Bundle, ageMs = 0): Blocks => decodeBlocks(toBpv7(bundle, ageMs), 100_000);

function wrong(action: () => unknown): string | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    if (error instanceof BundleError) return error.field;
    throw error;
  }
}

describe("A bundle among those of RFC 9171", () => {
  for (const kind of KINDS) {
    test(`${kind}: comes back with its age, its id and a signature that holds`, () => {
      fc.assert(
        fc.property(anyBundle(kind), anyAgeMs, (bundle, ageMs) => {
          const back = fromBpv7(toBpv7(bundle, ageMs));
          expect(back).toEqual({ bundle, ageMs });
          expect(bundleId(back.bundle)).toBe(bundleId(bundle));
          expect(
            verifyBundle(back.bundle, (key, message, signature) => ed25519.verify(signature, message, key)),
          ).toBe(true);
        }),
        { numRuns: 15 },
      );
    });
  }

  test("has endpoints that name the keys, the room and the address outside", () => {
    const { primary } = blocksOf(POST);
    expect(primary.source).toEqual({ scheme: "dtn", text: `//${HEX}.omerta/` });
    expect(primary.destination).toEqual({ scheme: "dtn", text: "//omerta/~room/Gr%C3%B6%C3%9Fe%207" });
    const outside: Bundle = { ...POST, kind: "check-in", to: { kind: "outside", uri: "mailto:a/b@c.org" } };
    expect(blocksOf(outside).primary.destination).toEqual({
      scheme: "dtn",
      text: "//omerta/~outside/mailto%3Aa%2Fb%40c.org",
    });
    const direct: Bundle = {
      ...POST,
      kind: "direct",
      to: POST.to.kind === "room" ? { kind: "person", key: POST.sender.key } : POST.to,
    };
    expect(blocksOf(direct).primary.destination).toEqual({ scheme: "dtn", text: `//${HEX}.omerta/inbox` });
  });

  test("counts its time from 2000, and says 0 where the maker's clock was never set", () => {
    expect(blocksOf(POST).primary.createdDtnMs).toBe(Date.UTC(2026, 6, 1) - Date.UTC(2000, 0, 1));
    expect(blocksOf({ ...POST, createdS: 0 }).primary.createdDtnMs).toBe(0);
    expect(blocksOf({ ...POST, createdS: 1_000 }).primary.createdDtnMs).toBe(0);
    expect(fromBpv7(toBpv7({ ...POST, createdS: 1_000 }, 0)).bundle.createdS).toBe(1_000);
  });

  test("is taken back with blocks that other nodes put in, and an age that they raised", () => {
    const { primary, blocks } = blocksOf(POST, 5_000);
    const [age, ...others] = blocks as [Blocks["blocks"][number], ...Blocks["blocks"][number][]];
    const hops = { type: 10, number: 9, flags: 0, data: encodeCbor([30, 1]) };
    const older = { ...age, data: encodeCbor(65_000) };
    for (const crcType of [0, 1, 2] as const) {
      expect(fromBpv7(encodeBlocks({ primary, blocks: [hops, older, ...others] }, crcType))).toEqual({
        bundle: POST,
        ageMs: 65_000,
      });
    }
  });

  test("is refused, with the field's name, where its blocks do not fit together", () => {
    const { primary, blocks } = blocksOf(POST);
    const [age, omerta, payload] = blocks as [
      Blocks["blocks"][number],
      Blocks["blocks"][number],
      Blocks["blocks"][number],
    ];
    const other = { ...primary.destination, text: "//omerta/~room/Gr%c3%b6%C3%9Fe%207" };
    const cases: [string, Partial<Blocks>][] = [
      ["bpv7.type7", { blocks: [omerta, payload] }],
      ["bpv7.type192", { blocks: [age, payload] }],
      ["bpv7.type7", { blocks: [age, { ...age, number: 8 }, omerta, payload] }],
      ["bpv7.type99", { blocks: [{ type: 99, number: 8, flags: 4, data: age.data }, age, omerta, payload] }],
      ["bpv7.age", { blocks: [{ ...age, data: utf8ToBytes("x") }, omerta, payload] }],
      ["bpv7.age", { blocks: [{ ...age, data: new Uint8Array(0) }, omerta, payload] }],
      ["bpv7.omerta", { blocks: [age, { ...omerta, data: utf8ToBytes("x") }, payload] }],
      ["bpv7.primary", { primary: { ...primary, createdDtnMs: 1 } }],
      ["bpv7.primary", { primary: { ...primary, lifetimeMs: 3_600_001 } }],
      ["bpv7.primary", { primary: { ...primary, destination: other } }],
      ["bpv7.primary", { primary: { ...primary, reportTo: primary.source, createdDtnMs: 0 } }],
      ["bpv7.primary.flags", { primary: { ...primary, flags: 2 } }],
      ["bpv7.primary.source", { primary: { ...primary, source: { scheme: "none" } } }],
      [
        "bpv7.primary.destination",
        { primary: { ...primary, destination: { scheme: "ipn", node: 1, service: 1 } } },
      ],
      [
        "bpv7.primary.destination",
        { primary: { ...primary, destination: { scheme: "dtn", text: "//omerta/~room/%zz" } } },
      ],
      ["bundle.to", { primary: { ...primary, destination: { scheme: "dtn", text: "//omerta/~everyone" } } }],
    ];
    for (const [field, change] of cases)
      expect([field, wrong(() => fromBpv7(encodeBlocks({ primary, blocks, ...change })))]).toEqual([
        field,
        field,
      ]);
  });

  test("no bytes bring the decoder down, however they began", () => {
    const change = fc.tuple(fc.nat(), fc.nat({ max: 255 }));
    fc.assert(
      fc.property(
        bundleOfAnyKind,
        fc.array(change, { minLength: 1, maxLength: 5 }),
        fc.nat(),
        (bundle, changes, cut) => {
          let bytes = encodeBlocks(blocksOf(bundle), 0);
          for (const [at, to] of changes) bytes[at % bytes.length] = to;
          if (cut % 4 === 0) bytes = bytes.slice(0, cut % bytes.length);
          wrong(() => fromBpv7(bytes));
        },
      ),
      { numRuns: 400 },
    );
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 300 }), (tail) => {
        wrong(() => fromBpv7(Uint8Array.of(0x9f, ...tail)));
      }),
      { numRuns: 2_000 },
    );
    expect(wrong(() => fromBpv7(Uint8Array.of(0x9f, ...new Uint8Array(60_000).fill(0x81))))).toBe("primary");
    expect(wrong(() => fromBpv7(new Uint8Array(80_000)))).toBe("bpv7");
  });
});

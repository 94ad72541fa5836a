import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  decodeTold,
  encodeTold,
  MAX_TOLD_BYTES,
  openStatement,
  RoamingError,
  type Statement,
  signStatement,
  supersedes,
} from "../../../../src/gateway/roaming/statement.ts";
import { encodeCbor } from "../../../../src/identity/cbor.ts";
import { keyNumber } from "../../mesh/directory/described.ts";
import { anySaid, told } from "./statements.ts";

describe("what a box says of a station", () => {
  test("comes out as it was put in, with its age, and fits into a frame", () => {
    fc.assert(
      fc.property(anySaid, fc.integer({ min: 0, max: 2 ** 32 - 1 }), (said, ageS) => {
        const frame = encodeTold({ signed: signStatement(said, keyNumber(1)), ageS });
        expect(frame.length).toBeLessThanOrEqual(MAX_TOLD_BYTES);
        const back = decodeTold(frame);
        expect(back.ageS).toBe(ageS);
        expect(back.statement).toEqual({ ...said, signer: keyNumber(1).publicKey });
      }),
      { numRuns: 60 },
    );
  });

  test("is small: an agreement of a day takes 133 bytes", () => {
    expect(encodeTold(told(1)).length).toBe(133);
  });

  test("is nobody's when a single bit of it is another", () => {
    const { signed } = told(1);
    for (let bit = 0; bit < signed.length * 8; bit += 1) {
      const changed = Uint8Array.from(signed);
      changed[bit >> 3] = (changed[bit >> 3] ?? 0) ^ (1 << (bit & 7));
      expect(() => openStatement(changed)).toThrow(RoamingError);
    }
  });

  test("is refused by name where a field is out of its bounds, although its box has signed it", () => {
    const key = keyNumber(1);
    const fields = [2, key.publicKey, new Uint8Array(16), 1, 0, 60, "en", 1, 7] as const;
    const wrong: [number, number | string | Uint8Array, string][] = [
      [0, 1, "version"],
      [1, new Uint8Array(31), "signer"],
      [2, new Uint8Array(15), "station"],
      [3, 2 ** 31, "serial"],
      [4, 2, "what"],
      [5, 43_200 * 60 + 1, "lifetime"],
      [6, "a".repeat(36), "language"],
      [6, "\u202e", "language"],
      [7, 65_536, "risks"],
      [8, 2 ** 32, "nonce"],
    ];
    const signed = (body: Uint8Array) =>
      Buffer.concat([body, key.sign(Buffer.concat([Buffer.from("omerta-box roaming 2\0"), body]))]);
    expect(openStatement(signed(encodeCbor(fields))).language).toBe("en");
    for (const [at, value, field] of wrong) {
      const body = encodeCbor(fields.map((one, index) => (index === at ? value : one)));
      expect(() => openStatement(signed(body))).toThrow(`statement.${field}`);
    }
    expect(() => openStatement(signed(encodeCbor([...fields, 0])))).toThrow("too many");
    expect(() => openStatement(signed(encodeCbor(fields.slice(0, -1))))).toThrow("missing");
  });

  test("is refused as malformed, and in no other way, whatever the bytes are", () => {
    const frame = encodeTold(told(1));
    const mutated = fc
      .array(fc.tuple(fc.nat(frame.length - 1), fc.nat(255)), { minLength: 1, maxLength: 6 })
      .map((changes) => {
        const copy = Uint8Array.from(frame);
        for (const [at, value] of changes) copy[at] = value;
        return copy;
      });
    fc.assert(
      fc.property(fc.oneof(fc.uint8Array({ maxLength: 300 }), mutated), (bytes) => {
        try {
          // What is accepted is what was signed: but for its age, nothing of it can be changed.
          expect(decodeTold(bytes).signed).toEqual(Uint8Array.from(frame.subarray(4)));
        } catch (error) {
          expect(error).toBeInstanceOf(RoamingError);
        }
      }),
      { numRuns: 3_000 },
    );
  });
});

describe("of two statements of one station", () => {
  const station = new Uint8Array(16);
  const any: fc.Arbitrary<Statement> = fc
    .tuple(
      fc.record({
        serial: fc.integer({ min: 1, max: 3 }),
        what: fc.constantFrom("agreed" as const, "left" as const),
        lifetimeS: fc.constantFrom(60, 3_600),
        language: fc.constantFrom("", "en"),
        risks: fc.constantFrom(1, 2),
        nonce: fc.constantFrom(1, 2),
      }),
      fc.constantFrom(1, 2),
    )
    .map(([said, box]) => ({ ...said, station, signer: keyNumber(box).publicKey }));

  test("the one with the higher serial holds, and of the same serial that the owner has left", () => {
    const agreed = told(1).statement;
    expect(supersedes({ ...agreed, serial: 2 }, agreed)).toBe(true);
    expect(supersedes({ ...agreed, what: "left" }, agreed)).toBe(true);
    expect(supersedes({ ...agreed, serial: 2 }, { ...agreed, what: "left" })).toBe(true);
  });

  test("one holds and the other does not, unless they say the same", () => {
    fc.assert(
      fc.property(any, any, (a, b) => {
        const same = Bun.deepEquals(a, b);
        expect([supersedes(a, b), supersedes(b, a)].filter(Boolean).length).toBe(same ? 0 : 1);
      }),
    );
  });

  test("what holds over one holds over all that this one holds over", () => {
    fc.assert(
      fc.property(any, any, any, (a, b, c) => {
        if (supersedes(a, b) && supersedes(b, c)) expect(supersedes(a, c)).toBe(true);
      }),
    );
  });
});

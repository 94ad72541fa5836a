import fc from "fast-check";
import {
  MAX_LIFETIME_S,
  MAX_NONCE,
  MAX_SERIAL,
  openStatement,
  type Statement,
  signStatement,
  type Told,
} from "../../../../src/gateway/roaming/statement.ts";
import { keyNumber } from "../../mesh/directory/described.ts";

/** A station's name that is the same for the same number. */
export const stationNumber = (number: number): Uint8Array =>
  Uint8Array.from({ length: 16 }, (_, at) => (at === 0 ? number : 9));

/** What box `box` says of a station; a day's agreement to what is true today where a test does not care. */
export function told(
  box: number,
  { ageS = 0, ...more }: Partial<Statement> & { ageS?: number } = {},
): Told & { statement: Statement } {
  const signed = signStatement(
    {
      station: stationNumber(1),
      serial: 1,
      what: "agreed",
      lifetimeS: 86_400,
      language: more.what === "left" ? "" : "sw",
      risks: 1,
      nonce: 7,
      ...more,
    },
    keyNumber(box),
  );
  return { signed, statement: openStatement(signed), ageS };
}

/** Anything that a box may say. */
export const anySaid: fc.Arbitrary<Omit<Statement, "signer">> = fc.record({
  station: fc.uint8Array({ minLength: 16, maxLength: 16 }),
  serial: fc.integer({ min: 0, max: MAX_SERIAL }),
  what: fc.constantFrom("agreed" as const, "left" as const),
  lifetimeS: fc.integer({ min: 0, max: MAX_LIFETIME_S }),
  language: fc.constantFrom("", "en", "zh-Hant", "a".repeat(35)),
  risks: fc.integer({ min: 0, max: 65_535 }),
  nonce: fc.integer({ min: 0, max: MAX_NONCE }),
});

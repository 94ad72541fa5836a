import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import {
  gramsOf,
  gramsToFind,
  searchable,
  searchWords,
} from "../../../../src/messages/custody/search-name.ts";

describe("a name as it is searched", () => {
  test("is alike however it is composed, accented and cased", () => {
    for (const [one, other] of [
      ["José", "JOSE"],
      ["Straße", "STRASSE"],
      ["Σωκράτης", "σωκρατησ"],
      ["İstanbul", "istanbul"],
      ["ｶﾀｶﾅ", "カタカナ"],
      ["أحمد", "احمد"],
      ["فاطمة", "فاطمه"],
      ["کریم", "كريم"],
      ["שָׁלוֹם", "שלום"],
      ["Đặng", "dang"],
      ["  Ana -  María ", "ana maria"],
    ] as const) {
      expect(searchable(one)).toBe(searchable(other));
    }
    // Vowel signs of Devanagari are letters.
    expect(searchable("राम")).not.toBe(searchable("रम"));
  });

  test("does not change when it is made anew, and is bounded", () => {
    expect([searchable("STRAẞE"), searchable("Straße")]).toEqual(["strasse", "strasse"]);
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 200 }), (name) => {
        const once = searchable(name);
        expect(searchable(once)).toBe(once);
        expect([...once].length).toBeLessThanOrEqual(64);
      }),
    );
  });

  test("has among its runs all runs of any part of its words", () => {
    fc.assert(
      fc.property(
        fc.string({ unit: "grapheme", minLength: 1, maxLength: 30 }),
        fc.nat(),
        fc.nat(),
        (name, from, length) => {
          const word = [...(searchable(name).split(" ")[0] ?? "")];
          const part = word.slice(from % (word.length + 1)).slice(0, 1 + (length % (word.length + 1)));
          if (part.length === 0) return;
          const grams = new Set(gramsOf(searchable(name)).split(" "));
          for (const gram of gramsToFind([part.join("")]).split(" ")) expect(grams).toContain(gram);
        },
      ),
    );
  });

  test("is made of nothing that a query could be steered by", () => {
    fc.assert(
      fc.property(fc.array(fc.nat(0x10ffff), { maxLength: 100 }), (points) => {
        const query = String.fromCodePoint(...points);
        expect(gramsToFind(searchWords(query))).toMatch(/^[a-z0-9 ]*$/);
      }),
    );
  });
});

import { expect, test } from "bun:test";
import { ageText } from "../../../portal/guest/messages/age.ts";
import { ENGLISH, LANGUAGES, languageOf } from "../../../portal/locales/index.ts";

test.each([
  [0, "now"],
  [59, "now"],
  [60, "1 minute ago"],
  [7_199, "119 minutes ago"],
  [7_200, "2 hours ago"],
  [86_400, "24 hours ago"],
  [172_799, "47 hours ago"],
  [172_800, "2 days ago"],
  [30 * 86_400, "30 days ago"],
])("%d s ago is %s", (ageS, text) => {
  expect(ageText(ENGLISH, ageS)).toBe(text);
});

test("an age is in every language's own words", () => {
  const others = LANGUAGES.filter((language) => language !== ENGLISH);
  for (const language of others) {
    for (const ageS of [0, 300, 10_000, 200_000])
      expect([language.code, ageText(language, ageS)]).not.toEqual([language.code, ageText(ENGLISH, ageS)]);
  }
  const hours = ["ar", "sw", "bn", "ur"].map((code) => ageText(languageOf(code) ?? ENGLISH, 3 * 3_600));
  expect(hours).toEqual(["قبل 3 ساعات", "saa 3 zilizopita", "৩ ঘণ্টা আগে", "3 گھنٹے پہلے"]);
});

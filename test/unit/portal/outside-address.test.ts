import { expect, test } from "bun:test";
import fc from "fast-check";
import { isOutsideUri } from "../../../src/messages/bundle/bundle-codec.ts";
import { outsideUri } from "../../../src/portal/outside-address.ts";

test.each([
  ["amal@example.org", "mailto:amal@example.org"],
  [" amal.haddad+home@mail.example.org ", "mailto:amal.haddad+home@mail.example.org"],
  ["mailto:amal@example.org", "mailto:amal@example.org"],
  ["josé@例え.jp", "mailto:josé@例え.jp"],
  ["+49 (0)30 1234567-89", "tel:+49030123456789"],
  ["٠٧٧٠ ١٢٣ ٤٥٦٧", "tel:07701234567"],
  ["tel:112", "tel:112"],
])("%j is %s", (typed, uri) => {
  expect(outsideUri(typed)).toBe(uri);
});

test.each([
  "",
  "my sister",
  "amal@",
  "@example.org",
  "a@b@c",
  "amal@example.org?bcc=all@example.org",
  "amal%0aBcc:x@example.org",
  "amal@example.org, badr@example.org",
  '"amal"@example.org',
  "<amal@example.org>",
  "amal@-example.org",
  "javascript:alert(1)",
  "12",
  "+",
  "1".repeat(21),
  `${"a".repeat(65)}@example.org`,
])("%j is neither a mail address nor a telephone number", (typed) => {
  expect(outsideUri(typed)).toBeUndefined();
});

test("what is made of any text is one that a bundle may be for, or nothing", () => {
  const typed = fc.oneof(
    fc.string({ unit: "binary", maxLength: 100 }),
    fc.emailAddress(),
    fc.stringMatching(/^[+()0-9 ./-]{1,40}$/),
  );
  fc.assert(
    fc.property(typed, (text) => {
      const uri = outsideUri(text);
      if (uri !== undefined) expect([uri, isOutsideUri(uri)]).toEqual([uri, true]);
    }),
    { numRuns: 2_000 },
  );
});

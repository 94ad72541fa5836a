import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { tidyLine, tidyName } from "../../../../src/messages/bundle/body-text.ts";

describe("a tidy name", () => {
  test("has no mark of a check in any of its looks, and none that turns the direction around", () => {
    for (const mark of "✓✔☑✅⍻√🗸🗹🮱𐄂\u2068\u202e") {
      expect(tidyName(`Ana ${mark}\ufe0f${mark} Valley`)).not.toContain(mark);
    }
    expect(tidyName("✔\ufe0e Valley vouches for them")).toBe("Valley vouches for them");
  });

  test("has no gap that would push the rest of it onto another line", () => {
    expect(tidyName(`Ana${"\u00a0".repeat(20)}Valley${"\u2800\u3164".repeat(10)}Hill`)).toBe(
      "Ana Valley Hill",
    );
  });

  test("is as it was typed in the scripts of the world, joiners and all", () => {
    for (const name of [
      "علی\u200cرضا",
      "क्\u200dष",
      "Nguyễn Thị Ánh",
      "O’Neill-José",
      "👩‍👩‍👧 Kim",
      "✊ Bo",
      "王小明",
    ]) {
      expect(tidyName(name)).toBe(name);
    }
  });

  test("is one line, and stays the same when it is made tidy once more", () => {
    fc.assert(
      fc.property(fc.string({ unit: "binary" }), (text) => {
        const name = tidyName(text);
        expect([tidyName(name), tidyLine(name)]).toEqual([name, name]);
      }),
    );
  });
});

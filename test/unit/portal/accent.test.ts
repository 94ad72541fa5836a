import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { contrast, PAGE_DARK, PAGE_LIGHT, palette, parse } from "../../../portal/guest/accent.ts";
import { guestStyle } from "../../../portal/guest/style.ts";

const colour = fc
  .integer({ min: 0, max: 0xffffff })
  .map((value) => `#${value.toString(16).padStart(6, "0")}`);
/** "#fff" as "#ffffff". */
const full = (text: string) => (text.length === 4 ? text.replace(/[0-9a-f]/g, "$&$&") : text);
const ratio = (a: string, b: string) => contrast(parse(full(a)), parse(full(b)));

describe("contrast", () => {
  test("is what WCAG 2.2 gives for known pairs", () => {
    expect(ratio("#000000", "#ffffff")).toBeCloseTo(21, 5);
    expect(ratio("#ffffff", "#ffffff")).toBeCloseTo(1, 5);
    expect(ratio("#777777", "#ffffff")).toBeCloseTo(4.478, 2);
    expect(ratio("#767676", "#ffffff")).toBeCloseTo(4.542, 2);
  });

  test("is the same both ways round", () => {
    fc.assert(fc.property(colour, colour, (a, b) => expect(ratio(a, b)).toBe(ratio(b, a))));
  });
});

describe("the operator's colour", () => {
  const PAGES = [
    ["light", PAGE_LIGHT],
    ["dark", PAGE_DARK],
  ] as const;

  test.each(PAGES)(
    "makes links that can be read on the %s page, and words on buttons that can be read",
    (kind, page) => {
      fc.assert(
        fc.property(colour, (accent) => {
          const { button, onButton, link } = palette(accent)[kind];
          expect(ratio(link, page)).toBeGreaterThanOrEqual(7);
          expect(ratio(button, onButton)).toBeGreaterThanOrEqual(4.5);
        }),
        { numRuns: 2_000 },
      );
    },
  );

  test.each(PAGES)("makes buttons that stand out from the %s page", (kind, page) => {
    fc.assert(
      fc.property(colour, (accent) => {
        expect(ratio(palette(accent)[kind].button, page)).toBeGreaterThanOrEqual(3);
      }),
      { numRuns: 2_000 },
    );
  });

  test("is left as it is where it can be read", () => {
    expect(palette("#004d40").light).toEqual({ button: "#004d40", onButton: "#fff", link: "#004d40" });
  });

  test("makes colours of six digits only", () => {
    fc.assert(
      fc.property(colour, (accent) => {
        for (const { button, link } of Object.values(palette(accent))) {
          for (const made of [button, link]) expect(made).toMatch(/^#[0-9a-f]{6}$/);
        }
      }),
    );
  });
});

describe("the style of a page", () => {
  test("holds nothing that is loaded from elsewhere, and cannot end early", () => {
    const style = guestStyle("#0b6b57");
    expect(style).not.toMatch(/url\(|@import|<|\/\*/);
  });

  test("has words on the page that can be read, in light and dark", () => {
    const style = guestStyle("#0b6b57");
    const [light, dark] = [...style.matchAll(/body\{[^}]*background:(#\w+);color:(#\w+)/g)];
    expect(ratio(light?.[1] ?? "", light?.[2] ?? "")).toBeGreaterThan(7);
    expect(ratio(dark?.[1] ?? "", dark?.[2] ?? "")).toBeGreaterThan(7);
  });
});

import { describe, expect, test } from "bun:test";
import fc from "fast-check";
import { keyPicture } from "../../../../src/identity/person/key-picture.ts";

const bytes32 = fc.uint8Array({ minLength: 32, maxLength: 32 });
const withoutColour = (picture: string) => picture.replace(/#[0-9a-f]{6}/g, "");

describe("the picture of a key", () => {
  test("is the same each time, and nothing but two paths", () => {
    fc.assert(
      fc.property(bytes32, (key) => {
        expect(keyPicture(key)).toBe(keyPicture(Uint8Array.from(key)));
        expect(keyPicture(key)).toMatch(
          /^<svg [^<>]*><path fill="#fff" d="[^<>"]*"\/><path fill="#[0-9a-f]{6}" d="[MmhvalzL0-9 -]*"\/><\/svg>$/,
        );
      }),
    );
  });

  test("differs in its shapes, not its colour alone", () => {
    const pictures = Array.from({ length: 2_000 }, (_, n) => {
      const key = Buffer.alloc(32);
      key.writeUInt32BE(n);
      return withoutColour(keyPicture(key));
    });
    expect(new Set(pictures).size).toBe(2_000);
  });

  test("is mirrored about its middle", () => {
    fc.assert(
      fc.property(bytes32, (key) => {
        const shapes =
          keyPicture(key)
            .split('d="')[2]
            ?.match(/M[^M"]+/g) ?? [];
        const middles = shapes.map((shape) => {
          const [x = 0, y = 0] = (shape.match(/\d+/g) ?? []).map(Number);
          return [Math.floor(x / 10), Math.floor(y / 10)] as const;
        });
        const cells = new Set(middles.map(([x, y]) => `${x},${y}`));
        for (const [x, y] of middles) expect(cells.has(`${5 - x},${y}`)).toBe(true);
      }),
    );
  });
});

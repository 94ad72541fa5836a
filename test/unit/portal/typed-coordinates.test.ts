import { expect, test } from "bun:test";
import fc from "fast-check";
import { typedCoordinates } from "../../../src/portal/typed-coordinates.ts";

test.each([
  ["35.6892, 51.3890", 35.6892, 51.389],
  ["35.6892,51.3890", 35.6892, 51.389],
  ["35.6892 51.3890", 35.6892, 51.389],
  ["35,6892 51,3890", 35.6892, 51.389],
  ["35,6892; 51,3890", 35.6892, 51.389],
  ["geo:-33.9,151.2", -33.9, 151.2],
  ["33.9° S 151.2° E", -33.9, 151.2],
  ["33.9S, 151.2W", -33.9, -151.2],
  ["−33.9, +151.2", -33.9, 151.2],
  ["٣٥٫٦٨٩٢، ٥١٫٣٨٩٠", 35.6892, 51.389],
  ["३५.६८९२, ५१.३८९०", 35.6892, 51.389],
  ["0, 0", 0, 0],
  ["-90, 180", -90, 180],
])("%j is a place", (typed, latitude, longitude) => {
  expect(typedCoordinates(typed)).toEqual({
    latitudeE6: Math.round(latitude * 1e6),
    longitudeE6: Math.round(longitude * 1e6),
  });
});

test.each([
  "",
  "35.6892",
  "here",
  "90.1, 0",
  "0, 180.1",
  "1, 2, 3",
  "1 2 3",
  "NaN, NaN",
  "1e3, 2",
  "0x10, 2",
  "--1, 2",
  ", ",
  "35.6.8, 51",
])("%j is none", (typed) => {
  expect(typedCoordinates(typed)).toBeUndefined();
});

test("what is made of any text is a place on earth, or nothing, and soon", () => {
  const typed = fc.oneof(
    fc.string({ unit: "binary", maxLength: 60 }),
    fc.stringMatching(/^[-+0-9., NSEW°;]{1,40}$/),
  );
  fc.assert(
    fc.property(typed, (text) => {
      const at = typedCoordinates(text);
      if (at === undefined) return;
      expect(Number.isInteger(at.latitudeE6) && Math.abs(at.latitudeE6) <= 90_000_000).toBe(true);
      expect(Number.isInteger(at.longitudeE6) && Math.abs(at.longitudeE6) <= 180_000_000).toBe(true);
    }),
    { numRuns: 2_000 },
  );
});

test("a place as this box shows it is read back", () => {
  fc.assert(
    fc.property(fc.integer({ min: -9e5, max: 9e5 }), fc.integer({ min: -18e5, max: 18e5 }), (north, east) => {
      const [latitude, longitude] = [north / 1e4, east / 1e4];
      expect(typedCoordinates(`${latitude.toFixed(4)}, ${longitude.toFixed(4)}`)).toEqual({
        latitudeE6: north * 100,
        longitudeE6: east * 100,
      });
    }),
  );
});

/** @jsxImportSource hono/jsx */
import type { Place } from "../../../src/messages/index.ts";

/** Digits after the point: about 10 m, as near as people need to be found. */
const DECIMALS = 4;

/** Where something is: in the words of whoever said so, and as figures to copy. */
export function PlaceText({ place: { words, at } }: { place: Place }) {
  if (words === "" && at === undefined) return null;
  return (
    <p>
      <bdi>{words}</bdi>{" "}
      {at === undefined ? null : (
        <bdi dir="ltr">
          {(at.latitudeE6 / 1e6).toFixed(DECIMALS)}, {(at.longitudeE6 / 1e6).toFixed(DECIMALS)}
        </bdi>
      )}
    </p>
  );
}

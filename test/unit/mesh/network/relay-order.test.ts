import { expect, test } from "bun:test";
import { relayOrder } from "../../../../src/mesh/network/relay-order.ts";

const rank = (a: string, b: string) => (a < b ? -1 : 1);

test("who is at hand and holds a place for the peer goes first, in the peer's own order", () => {
  const order = relayOrder({
    reachedBy: ["far", "place", "session"],
    relays: new Set(["far", "place", "session", "a", "b"]),
    straight: new Set(["a", "b", "session", "place"]),
    rank,
  });
  expect(order).toEqual(["place", "session", "a", "far", "b"]);
});

test("who does not relay is not asked, whatever a record says", () => {
  const order = relayOrder({
    reachedBy: ["x", "y"],
    relays: new Set(["y"]),
    straight: new Set(["x", "z"]),
    rank,
  });
  expect(order).toEqual(["y"]);
});

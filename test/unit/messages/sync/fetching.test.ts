import { expect, test } from "bun:test";
import { Claims } from "../../../../src/messages/sync/claims.ts";
import { Fetching } from "../../../../src/messages/sync/fetching.ts";
import { openStand } from "../custody/store-stand.ts";
import { Writer } from "../custody/writers.ts";

test("what had to give way is not asked for while there is no room, and its keeper is not told that it is known", async () => {
  const { store, take } = openStand({ maxBytes: 1_000_000, maxBundles: 10 });
  const ana = new Writer(1);
  const first = ana.post("first");
  await take(first);
  const urgent = Array.from({ length: 10 }, (_, n) => ana.sos(`${n}`));
  for (const sos of urgent) await take(sos);
  expect(store.get(first.id)).toBeUndefined();
  const fetching = new Fetching({
    peer: "peer",
    custody: store,
    claims: new Claims(
      () => 0,
      () => {},
    ),
    mayLarge: () => true,
    isRefused: () => false,
    refused: () => {},
    wake: () => {},
    failed: (error) => {
      throw error;
    },
    breached: (error) => {
      throw error;
    },
  });
  expect(fetching.offered("background", [first.id])).toBe(false);
  expect([fetching.nextWant(), fetching.nextAnswer()]).toEqual([
    undefined,
    { says: "taken", outcome: "later", ids: [first.id] },
  ]);
});

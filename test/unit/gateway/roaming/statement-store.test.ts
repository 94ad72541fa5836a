import { expect, test } from "bun:test";
import { writeFileSync } from "node:fs";
import { join } from "node:path";
import { StatementStore } from "../../../../src/gateway/index.ts";
import { scratchFolders } from "../../scratch.ts";

const scratch = scratchFolders();
const bytes = (...all: number[]) => Uint8Array.from(all);

function openStore(path = join(scratch(), "roaming.sqlite")) {
  const store = new StatementStore(path);
  return { path, store, opened: store.open() };
}

test("what was saved is there for the next daemon, each network's apart", async () => {
  const { store, path } = openStore();
  await store.save("one", [
    { station: "aa", signed: bytes(1, 2), ageS: 0 },
    { station: "bb", signed: bytes(3), ageS: 9 },
  ]);
  await store.save("two", [{ station: "aa", signed: bytes(4), ageS: 1 }]);
  store.close();
  const { store: again } = openStore(path);
  expect(again.of("one")).toEqual([
    { signed: bytes(1, 2), ageS: 0 },
    { signed: bytes(3), ageS: 9 },
  ]);
  expect(again.of("two")).toEqual([{ signed: bytes(4), ageS: 1 }]);
  expect(again.of("three")).toEqual([]);
  again.close();
});

test("of a station the last statement is kept, until it is removed", async () => {
  const { store } = openStore();
  await store.save("one", [{ station: "aa", signed: bytes(1), ageS: 5 }]);
  await store.save("one", [{ station: "aa", signed: bytes(2), ageS: 0 }]);
  expect(store.of("one")).toEqual([{ signed: bytes(2), ageS: 0 }]);
  await store.remove("two", ["aa"]);
  expect(store.of("one")).toHaveLength(1);
  await store.remove("one", ["aa", "bb"]);
  expect(store.of("one")).toEqual([]);
  store.close();
});

test("what has ended is remembered when what was said is forgotten, until it is struck itself", async () => {
  const { store, path } = openStore();
  const ended = { tag: "t1", station: "aa", signer: "ff", serial: 3, lifetimeS: 60, ageS: 60 };
  await store.save("one", [{ station: "aa", signed: bytes(1), ageS: 5 }]);
  await store.remove("one", ["aa"], { put: [ended, { ...ended, tag: "t2" }], gone: [] });
  await store.remove("one", [], { put: [{ ...ended, ageS: 90 }], gone: ["t2", "t3"] });
  store.close();
  const { store: again } = openStore(path);
  expect(again.of("one")).toEqual([]);
  expect(again.endedIn("one")).toEqual([{ ...ended, ageS: 90 }]);
  expect(again.endedIn("two")).toEqual([]);
  again.close();
});

test("a file that cannot be read is set aside, and a new one begun", async () => {
  const path = join(scratch(), "roaming.sqlite");
  writeFileSync(path, "no database at all, however one looks at it".repeat(40));
  const { store, opened } = openStore(path);
  expect(opened).toEqual({ setAside: `${path}.torn`, volatile: undefined });
  await store.save("one", [{ station: "aa", signed: bytes(1), ageS: 0 }]);
  expect(store.of("one")).toHaveLength(1);
  store.close();
});

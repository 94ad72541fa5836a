import { describe, expect, test } from "bun:test";
import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { SessionStore, type StoredConsent } from "../../../src/gateway/session-store.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

const AMINA: StoredConsent = {
  mac: "02:00:00:00:00:01",
  ipv4: "10.20.0.16",
  language: "ar",
  from: "",
  remainingMs: 5_000,
};
const BAHATI: StoredConsent = {
  mac: "02:00:00:00:00:02",
  ipv4: "10.20.0.17",
  language: "sw",
  from: "Harbour",
  remainingMs: 9_000,
};

/** Where no file can be: a folder is there, for root too. */
function unwritable(): string {
  const path = join(scratch(), "sessions.sqlite");
  mkdirSync(path);
  return path;
}

function openStore(path = join(scratch(), "sessions.sqlite")) {
  const store = new SessionStore(path);
  return { store, path, opened: store.open() };
}

describe("the store of agreements", () => {
  test("gives back what was saved, also to the next daemon", async () => {
    const { store, path } = openStore();
    await store.save([AMINA, BAHATI]);
    store.close();
    const again = openStore(path).store;
    expect(again.all()).toEqual([AMINA, BAHATI]);
    again.close();
  });

  test("gives back nothing that was agreed to when the risks were others, and forgets it", async () => {
    const { store, path } = openStore();
    await store.save([AMINA]);
    store.close();
    const next = new SessionStore(path, 2);
    next.open();
    expect(next.all()).toEqual([]);
    await next.save([BAHATI]);
    expect(next.all()).toEqual([BAHATI]);
    next.close();
    const before = openStore(path).store;
    expect(before.all()).toEqual([]);
    before.close();
  });

  test("keeps one agreement a station: the latest", async () => {
    const { store } = openStore();
    await store.save([AMINA]);
    await store.save([{ ...AMINA, ipv4: "10.20.0.99", remainingMs: 1_000 }]);
    expect(store.all()).toEqual([{ ...AMINA, ipv4: "10.20.0.99", remainingMs: 1_000 }]);
    store.close();
  });

  test("keeps an agreement that is just ending as one that is just ending", async () => {
    const { store } = openStore();
    await store.save([
      { ...AMINA, remainingMs: -20 },
      { ...BAHATI, remainingMs: 0.2 },
    ]);
    expect(store.all().map(({ remainingMs }) => remainingMs)).toEqual([1, 1]);
    store.close();
  });

  test("forgets who left, and only those", async () => {
    const { store } = openStore();
    await store.save([AMINA, BAHATI]);
    await store.remove(AMINA.mac);
    await store.remove("02:00:00:00:00:99");
    expect(store.all()).toEqual([BAHATI]);
    store.close();
  });

  test("takes saving nobody for what it is", async () => {
    const { store } = openStore();
    await store.save([]);
    expect(store.all()).toEqual([]);
    store.close();
  });

  test("that cannot be read is set aside and begun anew", async () => {
    const path = join(scratch(), "sessions.sqlite");
    writeFileSync(path, "no database".repeat(1_000));
    const { store, opened } = openStore(path);
    expect(opened).toEqual({ setAside: `${path}.torn`, volatile: undefined });
    await store.save([AMINA]);
    expect(store.all()).toEqual([AMINA]);
    store.close();
  });

  test("that cannot be opened is one in memory, and says why", async () => {
    const { store, opened } = openStore(unwritable());
    expect(opened).toEqual({ setAside: undefined, volatile: expect.stringContaining("unable to open") });
    await store.save([AMINA]);
    expect(store.all()).toEqual([AMINA]);
    store.close();
  });

  test("refuses to be used when it is closed", () => {
    const store = new SessionStore(join(scratch(), "sessions.sqlite"));
    expect(() => store.all()).toThrow("not open");
    expect(() => store.save([AMINA])).toThrow("not open");
  });
});

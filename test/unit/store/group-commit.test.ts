import { Database } from "bun:sqlite";
import { afterEach, beforeEach, describe, expect, jest, test } from "bun:test";
import { GroupCommit } from "../../../src/store/index.ts";

const DELAY_MS = 4;

function counted() {
  const db = new Database(":memory:", { strict: true });
  db.run("CREATE TABLE number (value INTEGER PRIMARY KEY) STRICT");
  const insert = (value: number) => db.query("INSERT INTO number VALUES (?)").run(value);
  const values = () =>
    db
      .query<{ value: number }, []>("SELECT value FROM number ORDER BY value")
      .all()
      .map(({ value }) => value);
  return { db, insert, values, commit: new GroupCommit(db, DELAY_MS) };
}

describe("writes that are committed together", () => {
  beforeEach(() => void jest.useFakeTimers());
  afterEach(() => void jest.useRealTimers());

  test("wait for company and then are all there at once", async () => {
    const { commit, insert, values } = counted();
    const writes = [1, 2, 3].map((value) => commit.write(() => insert(value)));
    jest.advanceTimersByTime(DELAY_MS - 1);
    expect(values()).toEqual([]);
    jest.advanceTimersByTime(1);
    await Promise.all(writes);
    expect(values()).toEqual([1, 2, 3]);
  });

  test("keep their promises only after the commit", async () => {
    const { db, commit, insert } = counted();
    const inTransaction: boolean[] = [];
    const writes = [1, 2].map((value) =>
      commit.write(() => insert(value)).then(() => void inTransaction.push(db.inTransaction)),
    );
    jest.advanceTimersByTime(DELAY_MS);
    await Promise.all(writes);
    expect(inTransaction).toEqual([false, false]);
  });

  test("cost one transaction, however many they are", async () => {
    const { db, commit, insert } = counted();
    const begun = jest.spyOn(db, "transaction");
    const writes = Array.from({ length: 50 }, (_, value) => commit.write(() => insert(value)));
    jest.advanceTimersByTime(DELAY_MS);
    await Promise.all(writes);
    // One for all, and a savepoint each.
    expect(begun.mock.calls.length).toBe(51);
    begun.mockRestore();
  });

  test("that fail take no other with them, nor leave half of themselves", async () => {
    const { commit, insert, values } = counted();
    const results = Promise.allSettled([
      commit.write(() => insert(1)),
      commit.write(() => {
        insert(2);
        throw new Error("changed my mind");
      }),
      commit.write(() => {
        insert(3);
        insert(1);
      }),
      commit.write(() => insert(4)),
    ]);
    jest.advanceTimersByTime(DELAY_MS);
    expect((await results).map(({ status }) => status)).toEqual([
      "fulfilled",
      "rejected",
      "rejected",
      "fulfilled",
    ]);
    expect(values()).toEqual([1, 4]);
  });

  test("are flushed at once when asked, and no second time by the timer", async () => {
    const { commit, insert, values } = counted();
    const write = commit.write(() => insert(1));
    commit.flush();
    await write;
    expect(values()).toEqual([1]);
    jest.advanceTimersByTime(10 * DELAY_MS);
    expect(jest.getTimerCount()).toBe(0);
  });

  test("that cannot be committed all fail, and later ones are tried anew", async () => {
    const { db, commit, insert, values } = counted();
    const transaction = jest.spyOn(db, "transaction").mockImplementationOnce(() => {
      throw new Error("disk full");
    });
    const results = Promise.allSettled([commit.write(() => insert(1)), commit.write(() => insert(2))]);
    jest.advanceTimersByTime(DELAY_MS);
    expect((await results).map(({ status }) => status)).toEqual(["rejected", "rejected"]);
    transaction.mockRestore();
    const later = commit.write(() => insert(3));
    jest.advanceTimersByTime(DELAY_MS);
    await later;
    expect(values()).toEqual([3]);
  });

  test("asked for while others are being committed go with the next commit", async () => {
    const { commit, insert, values } = counted();
    let second: Promise<void> | undefined;
    const first = commit.write(() => {
      insert(1);
      second = commit.write(() => insert(2));
    });
    jest.advanceTimersByTime(DELAY_MS);
    await first;
    expect(values()).toEqual([1]);
    jest.advanceTimersByTime(DELAY_MS);
    await second;
    expect(values()).toEqual([1, 2]);
  });
});

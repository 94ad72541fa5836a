import { describe, expect, test } from "bun:test";
import {
  existsSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import fc from "fast-check";
import { DurableFile } from "../../../src/store/durable-file.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

interface Note {
  note: string;
}

function decode(text: string): Note {
  const value: unknown = JSON.parse(text);
  if (typeof value !== "object" || value === null || !("note" in value)) throw new Error("no note");
  return { note: String(value.note) };
}

const noteFile = (path = join(scratch(), "note.json")) =>
  new DurableFile<Note>(path, decode, (value) => JSON.stringify(value));

describe("a durable file", () => {
  test("is nothing before it was written", () => {
    expect(noteFile().read()).toEqual({ value: undefined, origin: "none", setAside: [] });
  });

  test("gives back what was written last", () => {
    const file = noteFile();
    for (const note of ["first", "second", "third"]) file.write({ note });
    expect(file.read()).toEqual({ value: { note: "third" }, origin: "current", setAside: [] });
  });

  test("makes the folders above it", () => {
    const file = noteFile(join(scratch(), "deep", "down", "note.json"));
    file.write({ note: "here" });
    expect(file.read().value).toEqual({ note: "here" });
  });

  test("is readable by its owner alone, for it may hold keys", () => {
    const file = noteFile();
    for (const note of ["first", "second"]) file.write({ note });
    for (const path of [file.path, `${file.path}.previous`]) expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  test("keeps the document before it, whole", () => {
    const file = noteFile();
    for (const note of ["first", "second", "third"]) file.write({ note });
    expect(decode(readFileSync(`${file.path}.previous`, "utf8"))).toEqual({ note: "second" });
  });

  test("leaves nothing else lying about", () => {
    const folder = scratch();
    const file = noteFile(join(folder, "note.json"));
    for (const note of ["first", "second", "third"]) file.write({ note });
    expect(readdirSync(folder).sort()).toEqual(["note.json", "note.json.previous"]);
  });

  test("holds any text through a write and a read", () => {
    const file = noteFile();
    fc.assert(
      fc.property(fc.string({ unit: "grapheme", maxLength: 500 }), (note) => {
        file.write({ note });
        expect(file.read().value).toEqual({ note });
      }),
      { numRuns: 50 },
    );
  });
});

describe("a torn durable file", () => {
  /** A file with two documents written, its current one then spoiled. */
  const spoiled = (spoil: (path: string) => void) => {
    const file = noteFile();
    file.write({ note: "before" });
    file.write({ note: "now" });
    spoil(file.path);
    return file;
  };

  test("is recovered from at every length that a power cut may leave", () => {
    const whole = JSON.stringify({ note: "now" }).length;
    for (let length = 0; length < whole; length += 1) {
      const file = spoiled((path) => truncateSync(path, length));
      const { value, origin, setAside } = file.read();
      expect([length, value, origin]).toEqual([length, { note: "before" }, "previous"]);
      expect(setAside).toEqual([`${file.path}.torn.1`]);
      expect(statSync(`${file.path}.torn.1`).size).toBe(length);
    }
  });

  test.each([
    ["zeros", Buffer.alloc(64)],
    ["random bytes", Buffer.from(Array.from({ length: 64 }, (_, index) => (index * 151 + 7) % 256))],
    ["another document", Buffer.from('{"other": 1}')],
    ["a document and more after it", Buffer.from('{"note":"now"}{"note":"now"}')],
    ["a bare value", Buffer.from("null")],
  ])("of %s is recovered from", (_, bytes) => {
    const file = spoiled((path) => writeFileSync(path, bytes));
    const { value, origin, setAside } = file.read();
    expect({ value, origin }).toEqual({ value: { note: "before" }, origin: "previous" });
    expect(readFileSync(setAside[0] ?? "").equals(bytes)).toBe(true);
  });

  test("that has gone is recovered from", () => {
    const file = spoiled((path) => rmSync(path));
    expect(file.read()).toEqual({ value: { note: "before" }, origin: "previous", setAside: [] });
  });

  test("with a torn one before it is nothing, and both are set aside", () => {
    const file = spoiled((path) => {
      writeFileSync(path, "{");
      writeFileSync(`${path}.previous`, "");
    });
    expect(file.read()).toEqual({
      value: undefined,
      origin: "none",
      setAside: [`${file.path}.torn.1`, `${file.path}.previous.torn.1`],
    });
    expect(existsSync(file.path)).toBe(false);
  });

  test("does not spoil the good copy when the next document is written", () => {
    const file = spoiled((path) => writeFileSync(path, "{"));
    file.read();
    file.write({ note: "after" });
    expect(file.read()).toEqual({ value: { note: "after" }, origin: "current", setAside: [] });
    writeFileSync(file.path, "{");
    expect(file.read().value).toEqual({ note: "before" });
  });

  test("of a write that never came to its end is not looked at", () => {
    const file = noteFile();
    file.write({ note: "now" });
    writeFileSync(`${file.path}.new`, '{"no');
    writeFileSync(`${file.path}.previous.new`, '{"no');
    expect(file.read()).toEqual({ value: { note: "now" }, origin: "current", setAside: [] });
    file.write({ note: "after" });
    expect(file.read().value).toEqual({ note: "after" });
  });

  test("may come a hundred times: the first four and the last are kept", () => {
    const folder = scratch();
    const file = noteFile(join(folder, "note.json"));
    for (let round = 1; round <= 100; round += 1) {
      writeFileSync(file.path, `torn ${round}`);
      file.read();
    }
    const kept = readdirSync(folder).sort();
    expect(kept).toEqual([1, 2, 3, 4, 5].map((n) => `note.json.torn.${n}`));
    expect(kept.map((name) => readFileSync(join(folder, name), "utf8"))).toEqual([
      "torn 1",
      "torn 2",
      "torn 3",
      "torn 4",
      "torn 100",
    ]);
  });
});

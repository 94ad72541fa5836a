import { describe, expect, test } from "bun:test";
import { readFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { openDocument } from "../../../src/store/index.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

const schema = z.strictObject({ count: z.int(), names: z.array(z.string()) });
const open = (path: string) => openDocument(path, schema, () => ({ count: 0, names: [] }));

describe("a document", () => {
  test("begins as its maker says", () => {
    const document = open(join(scratch(), "state.json"));
    expect(document.data).toEqual({ count: 0, names: [] });
    expect(document.origin).toBe("none");
  });

  test("is found again as it was left", () => {
    const path = join(scratch(), "state.json");
    open(path).update((data) => {
      data.count = 7;
      data.names.push("Amina");
    });
    const again = open(path);
    expect(again.data).toEqual({ count: 7, names: ["Amina"] });
    expect(again.origin).toBe("current");
  });

  test("is text that people may read", () => {
    const path = join(scratch(), "state.json");
    open(path).update((data) => {
      data.names.push("Amina");
    });
    expect(readFileSync(path, "utf8")).toBe('{\n  "count": 0,\n  "names": [\n    "Amina"\n  ]\n}\n');
  });

  test("of another shape is set aside like a torn one, and the one before it is used", () => {
    const path = join(scratch(), "state.json");
    const document = open(path);
    document.update((data) => {
      data.count = 1;
    });
    document.update((data) => {
      data.count = 2;
    });
    writeFileSync(path, '{"count": "two", "names": []}');
    const again = open(path);
    expect([again.data.count, again.origin]).toEqual([1, "previous"]);
    expect(again.setAside).toEqual([`${path}.torn.1`]);
  });

  test("that is torn at any byte is the one before it, or the same", () => {
    const path = join(scratch(), "state.json");
    const document = open(path);
    for (const count of [1, 2]) {
      document.update((data) => {
        data.count = count;
      });
    }
    const size = readFileSync(path).length;
    for (let length = 0; length < size; length += 1) {
      const copy = join(scratch(), "state.json");
      writeFileSync(`${copy}.previous`, readFileSync(`${path}.previous`));
      writeFileSync(copy, readFileSync(path));
      truncateSync(copy, length);
      const { data, origin } = open(copy);
      // Without its last line end it is whole still.
      const [expected, from] = length === size - 1 ? [2, "current" as const] : [1, "previous" as const];
      expect([length, data.count, origin]).toEqual([length, expected, from]);
    }
  });

  test("is made anew where nothing whole is left", () => {
    const path = join(scratch(), "state.json");
    writeFileSync(path, "\0\0\0\0");
    writeFileSync(`${path}.previous`, "[");
    const document = open(path);
    expect(document.data).toEqual({ count: 0, names: [] });
    expect(document.setAside).toHaveLength(2);
  });

  test("is left as it was by a change that fails half-way", () => {
    const path = join(scratch(), "state.json");
    const document = open(path);
    expect(() =>
      document.update((data) => {
        data.count = 99;
        throw new Error("no");
      }),
    ).toThrow("no");
    document.update((data) => {
      data.names.push("Amina");
    });
    expect(open(path).data).toEqual({ count: 0, names: ["Amina"] });
  });
});

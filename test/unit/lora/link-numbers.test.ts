import { describe, expect, test } from "bun:test";
import { readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { LinkNumbers } from "../../../src/lora/link-numbers.ts";
import { scratchFolders } from "../scratch.ts";

const scratch = scratchFolders();

function opened(path: string, told: string[] = [], random = () => 0.5): LinkNumbers {
  const numbers = new LinkNumbers({ path, random, told: (message) => told.push(message) });
  numbers.open();
  return numbers;
}

const take = (numbers: LinkNumbers, count: number) => Array.from({ length: count }, () => numbers.next());

describe("the numbers of the link", () => {
  test("follow one another, and begin anew after 65535", () => {
    const numbers = opened(join(scratch(), "numbers.json"), [], () => 0.99999);
    const all = take(numbers, 5_000);
    expect(new Set(all).size).toBe(5_000);
    for (const [index, number] of all.slice(1).entries())
      expect(number).toBe(((all[index] ?? 0) + 1) & 0xffff);
    expect(all).toContain(0xffff);
    expect(all).toContain(0);
  });

  test("are not used anew after a restart, however it came", () => {
    const path = join(scratch(), "numbers.json");
    const seen = new Set<number>();
    for (let start = 0; start < 20; start += 1) {
      for (const number of take(opened(path), start * 100)) {
        expect(seen.has(number)).toBe(false);
        seen.add(number);
      }
    }
  });

  test("are not used up by restarts: a power cut costs a few, a stop in good order none", () => {
    const path = join(scratch(), "numbers.json");
    const cut = Array.from({ length: 200 }, () => opened(path).next());
    expect(new Set(cut).size).toBe(200);
    const stopped = Array.from({ length: 200 }, () => {
      const numbers = opened(path);
      const [number] = take(numbers, 1);
      numbers.close();
      return number;
    });
    const [first = 0] = stopped;
    expect(stopped).toEqual(Array.from(stopped, (_, index) => (first + index) & 0xffff));
    expect(stopped.filter((number) => cut.includes(number ?? -1))).toEqual([]);
  });

  test("are not used anew when the copy that was kept at the stop is torn", () => {
    const path = join(scratch(), "numbers.json");
    const numbers = opened(path);
    const before = take(numbers, 50);
    numbers.close();
    truncateSync(path, Math.floor(readFileSync(path).length / 2));
    expect(take(opened(path), 100).filter((number) => before.includes(number))).toEqual([]);
  });

  test("are not given out once they are closed", () => {
    const numbers = opened(join(scratch(), "numbers.json"));
    take(numbers, 1);
    numbers.close();
    numbers.close();
    expect(() => numbers.next()).toThrow("not open");
  });

  test("are not used anew when the last copy of the file is torn", () => {
    const path = join(scratch(), "numbers.json");
    const told: string[] = [];
    const before = take(opened(path), 3_000);
    truncateSync(path, Math.floor(readFileSync(path).length / 2));
    const after = take(opened(path, told), 3_000);
    expect(after.filter((number) => before.includes(number))).toEqual([]);
    expect(told).toEqual([expect.stringContaining("torn")]);
  });

  test("go on when the medium cannot be written, and say so", () => {
    const folder = join(scratch(), "gone");
    const told: string[] = [];
    const numbers = opened(join(folder, "numbers.json"), told);
    take(numbers, 1);
    rmSync(folder, { recursive: true });
    // A file where the folder was: nothing can be written there, not even by root.
    writeFileSync(folder, "");
    expect(new Set(take(numbers, 2_000)).size).toBe(2_000);
    expect(told[0]).toStartWith("the link's numbers are not kept: ");
  });
});
